//! Heartbeats: leases renewed, one or several at a time.

use axum::{Json, extract::State};
use futures_util::future::join_all;
use mobius_types::{
    JobBatchHeartbeatItem, JobBatchHeartbeatRequest, JobBatchResponse, JobBatchResult,
    JobFenceRequest, JobHeartbeat, JobHeartbeatDirectives, JobId,
};

use super::{check_items, fence, item_result};
use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::{Body, PathId, parse_id},
};

/// Renew a job's lease
///
/// 409 when the worker does not hold this attempt any more: it must stop and report nothing.
#[utoipa::path(post, path = "/projects/{project}/jobs/{id}/heartbeat", operation_id = "heartbeatJob", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The job's id.")), request_body = JobFenceRequest, responses((status = 200, description = "The lease is renewed.", body = JobHeartbeat), ErrorResponses))]
pub(super) async fn heartbeat_job(
    access: Access<grant::JobClaim>,
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    Body(request): Body<JobFenceRequest>,
) -> Result<Json<JobHeartbeat>, ApiError> {
    let directives = heartbeat(&app, &access, id, request).await?;
    Ok(Json(JobHeartbeat {
        ok: true,
        directives,
    }))
}

/// Renew several jobs' leases
///
/// Each on its own: `items` tells what became of each, in the order of the request.
#[utoipa::path(post, path = "/projects/{project}/jobs/heartbeats", operation_id = "heartbeatJobs", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = JobBatchHeartbeatRequest, responses((status = 200, description = "What became of each.", body = JobBatchResponse), ErrorResponses))]
pub(super) async fn heartbeat_jobs(
    access: Access<grant::JobClaim>,
    State(app): State<App>,
    Body(request): Body<JobBatchHeartbeatRequest>,
) -> Result<Json<JobBatchResponse>, ApiError> {
    check_items(request.items.len())?;
    let beats = request
        .items
        .into_iter()
        .map(|item| heartbeat_item(&app, &access, item));
    Ok(Json(JobBatchResponse {
        items: join_all(beats).await,
    }))
}

async fn heartbeat_item(
    app: &App,
    access: &Access<grant::JobClaim>,
    item: JobBatchHeartbeatItem,
) -> JobBatchResult {
    let outcome = match parse_id(&item.job_id) {
        Ok(id) => heartbeat(app, access, id, item.fence).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(directives) => JobBatchResult {
            directives: Some(directives),
            ..item_result(item.job_id, Ok(200))
        },
        Err(error) => item_result(item.job_id, Err(error)),
    }
}

async fn heartbeat(
    app: &App,
    access: &Access<grant::JobClaim>,
    id: JobId,
    request: JobFenceRequest,
) -> Result<JobHeartbeatDirectives, ApiError> {
    let fence = fence(id, request.worker_id, request.attempt, access.user())?;
    let beat = app.store.heartbeat(access.project, fence).await?;
    Ok(JobHeartbeatDirectives {
        should_cancel: beat.should_cancel,
    })
}
