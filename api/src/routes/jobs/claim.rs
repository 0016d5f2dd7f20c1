//! Claims: long polls for one job or several.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use mobius_store::jobs::{ClaimFilter, ClaimedJob, LeaseTerms};
use mobius_types::{JobBatchClaim, JobBatchClaimRequest, JobClaim, JobClaimRequest};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    dispatch::{Claimant, Offer, answer},
    error::ErrorResponses,
    extract::Body,
};

/// The longest window of a long poll.
const MAX_WAIT_SECONDS: i32 = 30;

/// The most jobs of one claim.
const MAX_JOBS: i32 = 100;

/// The most queues or actions that a claim may name.
const MAX_NAMES: usize = 1_000;

/// Claim a job
///
/// Holds the request open for up to `wait_seconds` until a job is there that the worker can run.
/// The worker then owns the job's lease and keeps it with heartbeats. 204 when the window closes
/// without a job.
#[utoipa::path(post, path = "/projects/{project}/jobs/claim", operation_id = "claimJob", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = JobClaimRequest, responses((status = 200, description = "A job, with its lease.", body = JobClaim), (status = 204, description = "No job within the window."), ErrorResponses))]
pub(super) async fn claim_job(
    access: Access<grant::JobClaim>,
    State(app): State<App>,
    Body(request): Body<JobClaimRequest>,
) -> Result<Response, ApiError> {
    let mut offer = claim(&app, &access, request, 1).await?;
    match shown(&mut offer, app.store.terms()).pop() {
        Some(job) => answer(offer, &job),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Claim several jobs
///
/// Like a claim of one job, but answers with up to `max_jobs` as soon as at least one is there,
/// and with an empty list when the window closes.
#[utoipa::path(post, path = "/projects/{project}/jobs/claims", operation_id = "claimJobs", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = JobBatchClaimRequest, responses((status = 200, description = "The jobs, each with its lease.", body = JobBatchClaim), ErrorResponses))]
pub(super) async fn claim_jobs(
    access: Access<grant::JobClaim>,
    State(app): State<App>,
    Body(request): Body<JobBatchClaimRequest>,
) -> Result<Response, ApiError> {
    if !(1..=MAX_JOBS).contains(&request.max_jobs) {
        return Err(ApiError::bad_request(format!(
            "max_jobs: must be between 1 and {MAX_JOBS}"
        )));
    }
    let max_jobs = usize::try_from(request.max_jobs).unwrap_or(1);
    let mut offer = claim(&app, &access, request.claim, max_jobs).await?;
    let items = shown(&mut offer, app.store.terms());
    answer(offer, &JobBatchClaim { items })
}

async fn claim(
    app: &App,
    access: &Access<grant::JobClaim>,
    request: JobClaimRequest,
    max_jobs: usize,
) -> Result<Offer, ApiError> {
    let wait = request.wait_seconds.unwrap_or(0);
    let window = u64::try_from(wait)
        .ok()
        .filter(|_| wait <= MAX_WAIT_SECONDS)
        .map(Duration::from_secs)
        .ok_or_else(|| {
            ApiError::bad_request(format!(
                "wait_seconds: must be between 0 and {MAX_WAIT_SECONDS}"
            ))
        })?;
    check_claim(&request)?;
    let (name, version) = (request.worker_name, request.worker_version);
    let worker = request.worker_id;
    let note = || {
        let (name, version) = (name.as_deref(), version.as_deref());
        app.sightings.note(access.project, &worker, name, version);
    };
    note();
    let claimant = Claimant {
        project: access.project,
        filter: ClaimFilter {
            queues: request.queues,
            actions: request.actions,
        },
        worker: worker.clone(),
        actor: access.user(),
        max_jobs,
    };
    let offer = app.dispatcher.claim(claimant, window).await;
    if !window.is_zero() {
        // It stood parked until now.
        note();
    }
    offer
}

fn check_claim(request: &JobClaimRequest) -> Result<(), ApiError> {
    check::name("worker_id", &request.worker_id)?;
    check::label(
        "worker_name",
        request.worker_name.as_deref().unwrap_or_default(),
    )?;
    check::label(
        "worker_version",
        request.worker_version.as_deref().unwrap_or_default(),
    )?;
    if request.agent_id.is_some() || request.agent_session_id.is_some() {
        // There are no agents yet, so none can be the one that is named.
        return Err(ApiError::NotFound("agent"));
    }
    for (field, names) in [("queues", &request.queues), ("actions", &request.actions)] {
        if names.len() > MAX_NAMES {
            return Err(ApiError::bad_request(format!(
                "{field}: has more than {MAX_NAMES} names"
            )));
        }
    }
    Ok(())
}

/// The jobs as the worker sees them.
fn shown(offer: &mut Offer, terms: LeaseTerms) -> Vec<JobClaim> {
    let seconds = |duration: Duration| i32::try_from(duration.as_secs()).ok();
    let show = |job: ClaimedJob| JobClaim {
        job_id: job.id,
        run_id: job.run,
        workflow_name: job.workflow_handle,
        step_name: job.step_name,
        action: job.action,
        agent_id: None,
        agent_session_id: None,
        parameters: job.parameters,
        attempt: job.attempt,
        queue: job.queue,
        heartbeat_interval_seconds: seconds(terms.heartbeat),
        lease_seconds: seconds(terms.lease),
        // The row keeps its id through all attempts, so the id is a key for the step execution.
        idempotency_key: Some(job.id.to_string()),
        timeout_ms: job
            .timeout
            .and_then(|timeout| i64::try_from(timeout.as_millis()).ok()),
    };
    offer.take_jobs().into_iter().map(show).collect()
}
