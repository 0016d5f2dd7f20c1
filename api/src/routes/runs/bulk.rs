//! Cancels and retries many runs with one call. Each run succeeds or fails on its own.

use std::collections::{BTreeSet, HashSet};

use axum::{Json, extract::State};
use futures_util::future::join_all;
use mobius_store::{
    RetryFrom,
    runs::{self, RunFilter},
};
use mobius_types::{
    BulkRetryRequest, BulkRunFilter, BulkRunRequest, BulkRunResult, ProjectId, RunId,
    WorkflowRunStatus,
};

use super::operate::retry_from;
use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::{Body, parse_id},
};

/// The most runs of one call.
const MAX_RUNS: usize = 1_000;

/// The statuses of runs that can still be cancelled.
const LIVE: [WorkflowRunStatus; 3] = [
    WorkflowRunStatus::Queued,
    WorkflowRunStatus::Running,
    WorkflowRunStatus::Suspended,
];

/// Cancel many runs
///
/// By their ids, or all that a filter matches and that have not ended. A run that has ended is
/// among the failures.
#[utoipa::path(post, path = "/projects/{project}/runs/cancellations", operation_id = "bulkCancelRuns", tag = "runs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = BulkRunRequest, responses((status = 200, description = "What became of each.", body = BulkRunResult), ErrorResponses))]
pub(super) async fn cancel_runs(
    access: Access<grant::RunCancel>,
    State(app): State<App>,
    Body(request): Body<BulkRunRequest>,
) -> Result<Json<BulkRunResult>, ApiError> {
    let project = access.project;
    let chosen = choose(&app, project, request.run_ids, request.filter, &LIVE).await?;
    let cancel = Act::Cancel { by: access.label() };
    Ok(Json(chosen.each(&app, project, &cancel).await))
}

/// Retry many runs
///
/// By their ids, or all failed ones that a filter matches. A run that has not failed is among the
/// failures.
#[utoipa::path(post, path = "/projects/{project}/runs/retries", operation_id = "bulkRetryRuns", tag = "runs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = BulkRetryRequest, responses((status = 200, description = "What became of each.", body = BulkRunResult), ErrorResponses))]
pub(super) async fn retry_runs(
    access: Access<grant::RunRetry>,
    State(app): State<App>,
    Body(request): Body<BulkRetryRequest>,
) -> Result<Json<BulkRunResult>, ApiError> {
    let project = access.project;
    let failed = [WorkflowRunStatus::Failed];
    let chosen = choose(&app, project, request.run_ids, request.filter, &failed).await?;
    let retry = Act::Retry {
        from: retry_from(request.from),
    };
    Ok(Json(chosen.each(&app, project, &retry).await))
}

/// What is done to each run.
enum Act {
    Cancel { by: String },
    Retry { from: RetryFrom },
}

impl Act {
    async fn on(&self, app: &App, project: ProjectId, id: &str) -> Result<(), ApiError> {
        let run: RunId = parse_id(id)?;
        let done = match self {
            Self::Cancel { by } => app.store.cancel_run(project, run, by.clone()).await,
            Self::Retry { from } => app.store.retry_run(project, run, *from).await,
        };
        done.map_err(ApiError::from)
    }
}

/// The runs that a call is about.
struct Chosen {
    ids: Vec<String>,
    /// Whether a filter matches more of them; `None` when they were named.
    has_more: Option<bool>,
}

impl Chosen {
    /// Does it to each. All are submitted at once, so that they share transactions.
    async fn each(self, app: &App, project: ProjectId, act: &Act) -> BulkRunResult {
        let acts = self.ids.iter().map(|id| act.on(app, project, id));
        let outcomes = join_all(acts).await;
        let mut result = BulkRunResult {
            has_more: self.has_more,
            ..BulkRunResult::default()
        };
        for (id, outcome) in self.ids.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => result.succeeded.push(id),
                Err(error) => {
                    result.failures.insert(id, error.to_string());
                }
            }
        }
        result
    }
}

/// The runs that were named, each once; or those that match the filter and have one of the
/// statuses.
async fn choose(
    app: &App,
    project: ProjectId,
    ids: Option<Vec<String>>,
    filter: Option<BulkRunFilter>,
    statuses: &[WorkflowRunStatus],
) -> Result<Chosen, ApiError> {
    match (ids, filter) {
        (Some(ids), Some(_)) if !ids.is_empty() => Err(ApiError::bad_request(
            "`run_ids` and `filter` exclude each other",
        )),
        (_, Some(filter)) => matching(app, project, filter, statuses).await,
        (Some(ids), None) => named(ids),
        (None, None) => Err(ApiError::bad_request(
            "one of `run_ids` and `filter` is required",
        )),
    }
}

fn named(mut ids: Vec<String>) -> Result<Chosen, ApiError> {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    if ids.len() > MAX_RUNS {
        return Err(ApiError::bad_request(format!(
            "run_ids: must be at most {MAX_RUNS} ids, not {}",
            ids.len()
        )));
    }
    Ok(Chosen {
        ids,
        has_more: None,
    })
}

async fn matching(
    app: &App,
    project: ProjectId,
    filter: BulkRunFilter,
    statuses: &[WorkflowRunStatus],
) -> Result<Chosen, ApiError> {
    if filter == BulkRunFilter::default() {
        return Err(ApiError::bad_request(
            "filter: must have a field; without one it would match every run",
        ));
    }
    let wanted = match filter.status {
        Some(status) => vec![status],
        None => statuses.to_vec(),
    };
    let parent = filter.parent_run_id.as_deref().map(parse_id).transpose()?;
    let filter = RunFilter {
        status: None,
        workflow_name: filter.workflow_type,
        queue: filter.queue,
        parent,
        initiated_by: filter.initiated_by,
        external_id: filter.external_id,
        definition: None,
    };
    let mut ids = BTreeSet::new();
    let mut connection = app.store.db().acquire().await?;
    for status in wanted {
        let filter = RunFilter {
            status: Some(status),
            ..filter.clone()
        };
        // One more than is dealt with tells whether there are more.
        let most = i64::try_from(MAX_RUNS + 1).unwrap_or(i64::MAX);
        ids.extend(runs::ids_matching(&mut connection, project, &filter, most).await?);
    }
    let newest = ids.iter().rev().take(MAX_RUNS);
    Ok(Chosen {
        ids: newest.map(ToString::to_string).collect(),
        has_more: Some(ids.len() > MAX_RUNS),
    })
}
