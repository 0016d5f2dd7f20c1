//! What operators do to one run: cancel, resume, retry, signal.
//!
//! Each is one input of the store's batches; what it means in which state the engine decides.

use axum::{Json, extract::State, http::StatusCode};
use mobius_store::{Error as StoreError, RetryFrom, runs};
use mobius_types::{
    MAX_SIGNAL_NAME_BYTES, RetryPoint, RetryRunRequest, RunId, RunSignal, SendRunSignalRequest,
    WorkflowRun,
};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{Body, OptionalBody, PathId},
};

/// The largest payload of a signal, in bytes.
const MAX_PAYLOAD: usize = 256 * 1024;

/// Cancel a run
///
/// What no worker holds ends at once; workers learn of it with their next heartbeat
/// (`directives.should_cancel`). The run is `failed` when nothing is claimed any more. A run that
/// has ended stays as it is, which is also answered with 204.
#[utoipa::path(post, path = "/projects/{project}/runs/{id}/cancellations", operation_id = "cancelRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), responses((status = 204, description = "It ends, or has ended."), ErrorResponses))]
pub(super) async fn cancel_run(
    access: Access<grant::RunCancel>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
) -> Result<StatusCode, ApiError> {
    match app
        .store
        .cancel_run(access.project, id, access.label())
        .await
    {
        Ok(()) | Err(StoreError::RunEnded) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// Resume a run
///
/// Ends every pause of the run. 409 when it is not paused.
#[utoipa::path(post, path = "/projects/{project}/runs/{id}/resumptions", operation_id = "resumeRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), responses((status = 204, description = "It goes on."), ErrorResponses))]
pub(super) async fn resume_run(
    access: Access<grant::RunResume>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
) -> Result<StatusCode, ApiError> {
    app.store.resume_run(access.project, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Retry a run
///
/// A run that has failed, or was cancelled, goes on as its next `attempt`: at the steps that failed
/// (`from: failure`, the default) or at the beginning (`from: start`). 409 when it has not failed.
#[utoipa::path(post, path = "/projects/{project}/runs/{id}/retries", operation_id = "retryRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), request_body = Option<RetryRunRequest>, responses((status = 202, description = "The run as it is now.", body = WorkflowRun), ErrorResponses))]
pub(super) async fn retry_run(
    access: Access<grant::RunRetry>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
    OptionalBody(request): OptionalBody<RetryRunRequest>,
) -> Result<(StatusCode, Json<WorkflowRun>), ApiError> {
    let from = retry_from(request.from);
    app.store.retry_run(access.project, id, from).await?;
    let mut connection = app.store.db().acquire().await?;
    let found = runs::get(&mut connection, access.project, id).await?;
    let run = found.ok_or(ApiError::NotFound("run"))?.run;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

/// Send a signal to a run
///
/// It is stored before this is answered, and consumed exactly once: by the branch that has waited
/// longest for its name, or by the next one that does. 409 when the run has ended.
#[utoipa::path(post, path = "/projects/{project}/runs/{id}/signals", operation_id = "sendRunSignal", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), request_body = SendRunSignalRequest, responses((status = 202, description = "The signal is stored.", body = RunSignal), ErrorResponses))]
pub(super) async fn send_run_signal(
    access: Access<grant::RunSignal>,
    State(app): State<App>,
    PathId(run_id): PathId<RunId>,
    Body(request): Body<SendRunSignalRequest>,
) -> Result<(StatusCode, Json<RunSignal>), ApiError> {
    let name = request.name;
    check::name_of_at_most_bytes("name", &name, MAX_SIGNAL_NAME_BYTES)?;
    let payload = request.payload.unwrap_or_default();
    check::json_size("payload", &payload, MAX_PAYLOAD)?;
    check::object_nesting("payload", &payload)?;
    let id = app
        .store
        .send_signal(access.project, run_id, name.clone(), payload)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(RunSignal { id, run_id, name })))
}

/// Where a retry goes on when the request says so, or does not.
pub(super) fn retry_from(point: Option<RetryPoint>) -> RetryFrom {
    match point.unwrap_or_default() {
        RetryPoint::Failure => RetryFrom::Failure,
        RetryPoint::Start => RetryFrom::Start,
    }
}
