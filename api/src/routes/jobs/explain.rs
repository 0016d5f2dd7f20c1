//! Tells what a job waits for.

use axum::{Json, extract::State};
use mobius_store::jobs;
use mobius_types::{JobExplanation, JobId};

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::PathId,
};

/// Explain a job
///
/// Whether it can be claimed now, and if not what stands in its way: clause by clause as a claim sees
/// it, with who holds its limit and when it can move at the earliest.
#[utoipa::path(get, path = "/projects/{project}/jobs/{id}/explain", operation_id = "explainJob", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The job's id.")), responses((status = 200, description = "What it waits for.", body = JobExplanation), ErrorResponses))]
pub(super) async fn explain_job(
    access: Access<grant::JobRead>,
    State(app): State<App>,
    PathId(id): PathId<JobId>,
) -> Result<Json<JobExplanation>, ApiError> {
    app.sightings.write().await?;
    let mut connection = app.store.db().acquire().await?;
    let found = jobs::explain(&mut connection, access.project, id).await?;
    found.map(Json).ok_or(ApiError::NotFound("job"))
}
