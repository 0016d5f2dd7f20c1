//! Workers: who was seen claiming.

use axum::{Json, extract::State};
use mobius_store::workers;
use mobius_types::WorkerListResponse;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_workers))
}

/// List workers
///
/// Last seen first, at most 1,000. A worker that has not claimed for two minutes is stale.
#[utoipa::path(get, path = "/projects/{project}/workers", operation_id = "listWorkers", tag = "workers", params(("project" = String, Path, description = "The project's handle or id.")), responses((status = 200, description = "The workers.", body = WorkerListResponse), ErrorResponses))]
async fn list_workers(
    access: Access<grant::WorkerRead>,
    State(app): State<App>,
) -> Result<Json<WorkerListResponse>, ApiError> {
    app.sightings.write().await?;
    let mut connection = app.store.db().acquire().await?;
    let items = workers::list(&mut connection, access.project).await?;
    Ok(Json(WorkerListResponse { items }))
}
