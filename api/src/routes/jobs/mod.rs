//! Jobs as workers see them: claimed, kept alive, reported.
//!
//! Each operation has a form for several jobs at once, which the SDKs use.

mod claim;
mod complete;
mod events;
mod explain;
mod heartbeat;

use axum::{
    Router,
    routing::{get, post},
};
use mobius_store::jobs::Fence;
use mobius_types::{JobBatchResult, JobId, UserId};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{ApiError, App, check};

/// The most items of a batch.
const MAX_ITEMS: usize = 100;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(claim::claim_job))
        .routes(routes!(claim::claim_jobs))
        .routes(routes!(explain::explain_job))
        .routes(routes!(heartbeat::heartbeat_job))
        .routes(routes!(heartbeat::heartbeat_jobs))
        .routes(routes!(events::emit_job_events))
        .routes(routes!(complete::complete_job))
        .routes(routes!(complete::complete_jobs))
}

/// The same routes without a project in the path, for a key that is pinned to one.
pub(crate) fn pinned_router() -> Router<App> {
    Router::new()
        .route("/jobs/claim", post(claim::claim_job))
        .route("/jobs/claims", post(claim::claim_jobs))
        .route("/jobs/{id}/explain", get(explain::explain_job))
        .route("/jobs/{id}/heartbeat", post(heartbeat::heartbeat_job))
        .route("/jobs/heartbeats", post(heartbeat::heartbeat_jobs))
        .route("/jobs/{id}/events", post(events::emit_job_events))
        .route("/jobs/{id}/complete", post(complete::complete_job))
        .route("/jobs/completions", post(complete::complete_jobs))
}

/// The fence that a request presents.
fn fence(job: JobId, worker_id: String, attempt: i32, actor: UserId) -> Result<Fence, ApiError> {
    check::name("worker_id", &worker_id)?;
    Ok(Fence {
        job,
        worker: worker_id,
        attempt,
        actor,
    })
}

/// Refuses a batch that is empty or too large.
fn check_items(count: usize) -> Result<(), ApiError> {
    if (1..=MAX_ITEMS).contains(&count) {
        Ok(())
    } else {
        Err(ApiError::bad_request(format!(
            "items: must be 1 to {MAX_ITEMS} items, not {count}"
        )))
    }
}

/// What became of one item of a batch.
fn item_result(job_id: String, outcome: Result<u16, ApiError>) -> JobBatchResult {
    let (status, error) = match outcome {
        Ok(status) => (status, None),
        Err(error) => (error.status().as_u16(), Some(error.detail())),
    };
    JobBatchResult {
        job_id,
        status: i32::from(status),
        directives: None,
        error,
    }
}
