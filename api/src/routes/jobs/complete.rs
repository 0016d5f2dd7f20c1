//! Reports of ended attempts, one or several at a time.

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::join_all;
use mobius_store::jobs::{Ending, Outcome, Settlement};
use mobius_types::{
    JobBatchCompleteItem, JobBatchCompleteRequest, JobBatchResponse, JobBatchResult,
    JobCompleteRequest, JobId, JobOutcome,
};

use super::{check_items, fence, item_result};
use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{
        BoundedBody, PathId,
        bound::{Report, Reports},
        parse_id,
    },
};

/// The longest error message that is kept; the rest is cut off.
const MAX_MESSAGE: usize = 16 * 1024;

/// Report a job's end
///
/// A failure is followed by another attempt as the step's retry policies say. The same report
/// again, after a lost answer, is taken as the first one was. 409 when the worker does not hold
/// this attempt any more.
#[utoipa::path(post, path = "/projects/{project}/jobs/{id}/complete", operation_id = "completeJob", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The job's id.")), request_body = JobCompleteRequest, responses((status = 204, description = "The report is stored and the run has moved on."), ErrorResponses))]
pub(super) async fn complete_job(
    access: Access<grant::JobComplete>,
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    BoundedBody(request, _): BoundedBody<JobCompleteRequest, Report>,
) -> Result<StatusCode, ApiError> {
    complete(&app, &access, id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Report several jobs' ends
///
/// Each on its own: `items` tells what became of each, in the order of the request.
#[utoipa::path(post, path = "/projects/{project}/jobs/completions", operation_id = "completeJobs", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = JobBatchCompleteRequest, responses((status = 200, description = "What became of each.", body = JobBatchResponse), ErrorResponses))]
pub(super) async fn complete_jobs(
    access: Access<grant::JobComplete>,
    State(app): State<App>,
    BoundedBody(request, _): BoundedBody<JobBatchCompleteRequest, Reports>,
) -> Result<Json<JobBatchResponse>, ApiError> {
    check_items(request.items.len())?;
    let reports = request
        .items
        .into_iter()
        .map(|item| complete_item(&app, &access, item));
    Ok(Json(JobBatchResponse {
        items: join_all(reports).await,
    }))
}

async fn complete_item(
    app: &App,
    access: &Access<grant::JobComplete>,
    item: JobBatchCompleteItem,
) -> JobBatchResult {
    let outcome = match parse_id(&item.job_id) {
        Ok(id) => complete(app, access, id, item.report).await,
        Err(error) => Err(error),
    };
    item_result(
        item.job_id,
        outcome.map(|()| StatusCode::NO_CONTENT.as_u16()),
    )
}

async fn complete(
    app: &App,
    access: &Access<grant::JobComplete>,
    id: JobId,
    request: JobCompleteRequest,
) -> Result<(), ApiError> {
    let fence = fence(id, request.worker_id, request.attempt, access.user())?;
    let outcome = match request.status {
        JobOutcome::Completed => Outcome::Completed {
            result: request
                .result_b64
                .map(|text| decode(&text, app.limits.result_bytes))
                .transpose()?,
        },
        JobOutcome::Failed => {
            check::label(
                "error_type",
                request.error_type.as_deref().unwrap_or_default(),
            )?;
            Outcome::Failed {
                error_type: request.error_type,
                message: request
                    .error_message
                    .map(|message| cut(message, MAX_MESSAGE)),
            }
        }
    };
    let settlement = Settlement {
        job: id,
        ending: Ending::Reported { fence, outcome },
    };
    Ok(app.store.settle(access.project, settlement).await?)
}

/// The bytes of a result.
fn decode(text: &str, most: usize) -> Result<Vec<u8>, ApiError> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| {
        ApiError::bad_request(format!("result_b64: is not standard base64: {error}"))
    })?;
    if bytes.len() > most {
        return Err(ApiError::TooLarge(format!(
            "result_b64: holds {} bytes, and at most {most} are taken",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// The first bytes of a text, without half a character at the end.
fn cut(mut text: String, max: usize) -> String {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}
