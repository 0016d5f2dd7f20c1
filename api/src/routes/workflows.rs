//! Saved workflows and their versions.

use axum::{Json, extract::State, http::StatusCode};
use mobius_store::workflows::{self, NewWorkflow, WorkflowChange};
use mobius_types::{
    CreateWorkflowRequest, UpdateWorkflowRequest, WorkflowDefinition,
    WorkflowDefinitionListResponse, WorkflowId, WorkflowVersionListResponse,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{Body, Paging, PathId, Query},
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_workflows, create_workflow))
        .routes(routes!(get_workflow, update_workflow, delete_workflow))
        .routes(routes!(list_workflow_versions))
}

/// List workflows
///
/// Newest first, without their specs.
#[utoipa::path(get, path = "/projects/{project}/workflows", operation_id = "listWorkflows", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id."), Paging), responses((status = 200, description = "A page of workflows.", body = WorkflowDefinitionListResponse), ErrorResponses))]
async fn list_workflows(
    access: Access<grant::WorkflowRead>,
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<WorkflowDefinitionListResponse>, ApiError> {
    let limit = paging.limit()?;
    let mut connection = app.store.db().acquire().await?;
    let page = workflows::list(
        &mut connection,
        access.project,
        paging.cursor.as_deref(),
        limit,
    )
    .await?;
    Ok(Json(WorkflowDefinitionListResponse {
        data: page.items.clone(),
        items: page.items,
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    }))
}

/// Create a workflow
///
/// The spec is checked as a whole, and every problem is reported with its place. It becomes
/// version 1.
#[utoipa::path(post, path = "/projects/{project}/workflows", operation_id = "createWorkflow", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id.")), request_body = CreateWorkflowRequest, responses((status = 201, description = "The new workflow.", body = WorkflowDefinition), ErrorResponses))]
async fn create_workflow(
    access: Access<grant::WorkflowCreate>,
    State(app): State<App>,
    Body(request): Body<CreateWorkflowRequest>,
) -> Result<(StatusCode, Json<WorkflowDefinition>), ApiError> {
    check::name("name", &request.name)?;
    check::text("description", request.description.as_deref())?;
    let handle = match request.handle {
        Some(handle) => handle,
        None => check::slug(&request.name)?,
    };
    check::handle("handle", &handle)?;
    let new = NewWorkflow {
        name: request.name,
        handle,
        description: request.description,
        published_as_tool: request.published_as_tool.unwrap_or(false),
        spec: super::runs::prepare(&app, access.project, request.spec).await?,
    };
    let (project, user) = (access.project, access.user());
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(workflows::create(tx, project, user, new)));
    Ok((StatusCode::CREATED, Json(write.await?)))
}

/// Get a workflow
///
/// With the spec of its newest version.
#[utoipa::path(get, path = "/projects/{project}/workflows/{id}", operation_id = "getWorkflow", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id.")), responses((status = 200, description = "The workflow.", body = WorkflowDefinition), ErrorResponses))]
async fn get_workflow(
    access: Access<grant::WorkflowRead>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
) -> Result<Json<WorkflowDefinition>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = workflows::get(&mut connection, access.project, id).await?;
    found.map(Json).ok_or(ApiError::NotFound("workflow"))
}

/// Update a workflow
///
/// A new spec makes a new version; runs keep the version that they were started with. An absent
/// field stays as it is.
#[utoipa::path(patch, path = "/projects/{project}/workflows/{id}", operation_id = "updateWorkflow", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id.")), request_body = UpdateWorkflowRequest, responses((status = 200, description = "The workflow as it is now.", body = WorkflowDefinition), ErrorResponses))]
async fn update_workflow(
    access: Access<grant::WorkflowUpdate>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
    Body(request): Body<UpdateWorkflowRequest>,
) -> Result<Json<WorkflowDefinition>, ApiError> {
    request
        .name
        .as_deref()
        .map_or(Ok(()), |name| check::name("name", name))?;
    check::text("description", request.description.as_deref())?;
    let spec = match request.spec {
        Some(spec) => Some(super::runs::prepare(&app, access.project, spec).await?),
        None => None,
    };
    let change = WorkflowChange {
        name: request.name,
        description: request.description,
        published_as_tool: request.published_as_tool,
        spec,
    };
    let (project, user) = (access.project, access.user());
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(workflows::update(tx, project, id, user, change)));
    write.await?.map(Json).ok_or(ApiError::NotFound("workflow"))
}

/// Delete a workflow
///
/// With all its versions. Runs that were started from it go on.
#[utoipa::path(delete, path = "/projects/{project}/workflows/{id}", operation_id = "deleteWorkflow", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id.")), responses((status = 204, description = "It is deleted."), ErrorResponses))]
async fn delete_workflow(
    access: Access<grant::WorkflowDelete>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
) -> Result<StatusCode, ApiError> {
    let project = access.project;
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(workflows::delete(tx, project, id)));
    if write.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("workflow"))
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct VersionsQuery {
    /// Whether each version comes with its spec.
    include_spec: Option<bool>,
}

/// List a workflow's versions
///
/// All of them, newest first.
#[utoipa::path(get, path = "/projects/{project}/workflows/{id}/versions", operation_id = "listWorkflowVersions", tag = "workflows", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id."), VersionsQuery), responses((status = 200, description = "The versions.", body = WorkflowVersionListResponse), ErrorResponses))]
async fn list_workflow_versions(
    access: Access<grant::WorkflowRead>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
    Query(query): Query<VersionsQuery>,
) -> Result<Json<WorkflowVersionListResponse>, ApiError> {
    let with_spec = query.include_spec.unwrap_or(false);
    let mut connection = app.store.db().acquire().await?;
    let found = workflows::versions(&mut connection, access.project, id, with_spec).await?;
    let items = found.ok_or(ApiError::NotFound("workflow"))?;
    Ok(Json(WorkflowVersionListResponse { items }))
}
