//! Tools: published workflows, listed with a schema of their inputs, called, asked after.

mod call;
mod schema;

use axum::{Json, extract::State};
use mobius_store::workflows::{self, Tool};
use mobius_types::{ToolDefinition, ToolDefinitionListResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_tools))
        .routes(routes!(call::run_tool))
        .routes(routes!(call::get_tool_run))
}

/// List tools
///
/// The published workflows, by handle, at most 1,000, each with a JSON Schema (draft 7) of its
/// inputs.
#[utoipa::path(get, path = "/projects/{project}/tools", operation_id = "listTools", tag = "tools", params(("project" = String, Path, description = "The project's handle or id.")), responses((status = 200, description = "The tools.", body = ToolDefinitionListResponse), ErrorResponses))]
async fn list_tools(
    access: Access<grant::ToolRead>,
    State(app): State<App>,
) -> Result<Json<ToolDefinitionListResponse>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let tools = workflows::list_tools(&mut connection, access.project).await?;
    let items = tools.into_iter().map(definition).collect();
    Ok(Json(ToolDefinitionListResponse { items }))
}

fn definition(tool: Tool) -> ToolDefinition {
    ToolDefinition {
        input_schema: schema::of_inputs(&tool.inputs),
        name: tool.handle,
        description: tool.description,
    }
}
