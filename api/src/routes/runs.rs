//! Runs: started, listed, read.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use mobius_store::{
    Error as StoreError, Prepared, Problem, Problems, jobs,
    runs::{self, RunFilter, Source, StartRun},
    workflows,
};
use mobius_types::{
    JobListResponse, Page, ProjectId, RunId, StartRunRequest, WorkflowId, WorkflowRun,
    WorkflowRunDetail, WorkflowRunListResponse, WorkflowRunStatus, WorkflowSpec,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{Body, Paging, PathId, Query, parse_id},
};

/// The queue of a run that names none.
const DEFAULT_QUEUE: &str = "default";

/// The largest inputs of a run, as JSON.
const MAX_INPUTS: usize = 1024 * 1024;

/// The largest spec, as JSON.
const MAX_SPEC: usize = 256 * 1024;

/// The most labels of a run.
const MAX_LABELS: usize = 100;

/// The most jobs that the list of a run's jobs shows.
const MAX_JOBS: i64 = 10_000;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_runs, start_run))
        .routes(routes!(get_run))
        .routes(routes!(get_run_jobs))
        .routes(routes!(list_workflow_runs, start_workflow_run))
}

/// Start a run
///
/// From a saved workflow (`definition_id`) or from a spec of its own (`spec`), never both.
#[utoipa::path(post, path = "/projects/{project}/runs", operation_id = "startRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = StartRunRequest, responses((status = 202, description = "The run is stored and will be executed.", body = WorkflowRun), ErrorResponses))]
async fn start_run(
    access: Access<grant::RunStart>,
    State(app): State<App>,
    Body(mut request): Body<StartRunRequest>,
) -> Result<(StatusCode, Json<WorkflowRun>), ApiError> {
    let source = match (request.definition_id.take(), request.spec.take()) {
        (Some(id), None) => Source::Workflow(parse_id(&id)?),
        (None, Some(spec)) => Source::Inline(prepare(&app, access.project, spec).await?),
        (None, None) => {
            return Err(ApiError::bad_request(
                "one of `definition_id` and `spec` is required",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request(
                "`definition_id` and `spec` exclude each other",
            ));
        }
    };
    start(&app, &access, source, request).await
}

/// Start a run of a workflow
///
/// Of its newest version.
#[utoipa::path(post, path = "/projects/{project}/workflows/{id}/runs", operation_id = "startWorkflowRun", tags = ["workflows", "runs"], params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id.")), request_body = StartRunRequest, responses((status = 202, description = "The run is stored and will be executed.", body = WorkflowRun), ErrorResponses))]
async fn start_workflow_run(
    access: Access<grant::RunStart>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
    Body(request): Body<StartRunRequest>,
) -> Result<(StatusCode, Json<WorkflowRun>), ApiError> {
    if request.spec.is_some() {
        return Err(ApiError::bad_request(
            "spec: is not taken here; the path names the workflow",
        ));
    }
    if request
        .definition_id
        .as_ref()
        .is_some_and(|given| *given != id.to_string())
    {
        return Err(ApiError::bad_request("definition_id: contradicts the path"));
    }
    start(&app, &access, Source::Workflow(id), request).await
}

/// List runs
///
/// Newest first. Filters combine.
#[utoipa::path(get, path = "/projects/{project}/runs", operation_id = "listRuns", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), RunsQuery, Paging), responses((status = 200, description = "A page of runs.", body = WorkflowRunListResponse), ErrorResponses))]
async fn list_runs(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    Query(query): Query<RunsQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<WorkflowRunListResponse>, ApiError> {
    list(&app, access.project, query.filter()?, &paging).await
}

/// List a workflow's runs
///
/// Newest first.
#[utoipa::path(get, path = "/projects/{project}/workflows/{id}/runs", operation_id = "listWorkflowRuns", tags = ["workflows", "runs"], params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The workflow's id."), RunsQuery, Paging), responses((status = 200, description = "A page of runs.", body = WorkflowRunListResponse), ErrorResponses))]
async fn list_workflow_runs(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<WorkflowId>,
    Query(query): Query<RunsQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<WorkflowRunListResponse>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    if !workflows::exists(&mut connection, access.project, id).await? {
        return Err(ApiError::NotFound("workflow"));
    }
    drop(connection);
    let filter = RunFilter {
        definition: Some(id),
        ..query.filter()?
    };
    list(&app, access.project, filter, &paging).await
}

/// Get a run
///
/// With its spec, its newest jobs, and its result once it is completed.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}", operation_id = "getRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), responses((status = 200, description = "The run.", body = WorkflowRunDetail), ErrorResponses))]
async fn get_run(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
) -> Result<Json<WorkflowRunDetail>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = runs::get(&mut connection, access.project, id).await?;
    found.map(Json).ok_or(ApiError::NotFound("run"))
}

/// List a run's jobs
///
/// The newest 10,000, oldest of them first.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}/jobs", operation_id = "getRunJobs", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), responses((status = 200, description = "The jobs.", body = JobListResponse), ErrorResponses))]
async fn get_run_jobs(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
) -> Result<Json<JobListResponse>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = jobs::of_run(&mut connection, access.project, id, MAX_JOBS).await?;
    let items = found.ok_or(ApiError::NotFound("run"))?;
    Ok(Json(JobListResponse { items }))
}

/// The filters of a list of runs.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RunsQuery {
    /// Where they stand.
    #[param(inline)]
    status: Option<WorkflowRunStatus>,
    /// The workflow's name when they started.
    workflow_type: Option<String>,
    /// The queue of their jobs.
    queue: Option<String>,
    /// The run that started them as children.
    parent_run_id: Option<String>,
    /// The label of what started them.
    initiated_by: Option<String>,
    /// The caller's own id.
    external_id: Option<String>,
}

impl RunsQuery {
    fn filter(self) -> Result<RunFilter, ApiError> {
        Ok(RunFilter {
            status: self.status,
            workflow_name: self.workflow_type,
            queue: self.queue,
            parent: self.parent_run_id.as_deref().map(parse_id).transpose()?,
            initiated_by: self.initiated_by,
            external_id: self.external_id,
            definition: None,
        })
    }
}

async fn list(
    app: &App,
    project: ProjectId,
    filter: RunFilter,
    paging: &Paging,
) -> Result<Json<WorkflowRunListResponse>, ApiError> {
    let limit = paging.limit()?;
    let mut connection = app.store.db().acquire().await?;
    let Page { items, next_cursor } = runs::list(
        &mut connection,
        project,
        &filter,
        paging.cursor.as_deref(),
        limit,
    )
    .await?;
    Ok(Json(WorkflowRunListResponse {
        data: items.clone(),
        items,
        has_more: next_cursor.is_some(),
        next_cursor,
    }))
}

async fn start(
    app: &App,
    access: &Access<grant::RunStart>,
    source: Source,
    request: StartRunRequest,
) -> Result<(StatusCode, Json<WorkflowRun>), ApiError> {
    let queue = request.queue.unwrap_or_else(|| DEFAULT_QUEUE.to_owned());
    check::name("queue", &queue)?;
    let inputs = request.inputs.unwrap_or_default();
    check::json_size("inputs", &inputs, MAX_INPUTS)?;
    check::label(
        "external_id",
        request.external_id.as_deref().unwrap_or_default(),
    )?;
    let labels = request.metadata.iter().flatten();
    labels.clone().try_for_each(|(key, value)| {
        check::name("metadata", key)?;
        check::text(&format!("metadata.{key}"), Some(value))
    })?;
    if labels.count() > MAX_LABELS {
        return Err(ApiError::bad_request(format!(
            "metadata: has more than {MAX_LABELS} entries"
        )));
    }
    let start = StartRun {
        source,
        queue,
        inputs,
        metadata: request.metadata,
        external_id: request.external_id,
        initiator: access.initiator(),
    };
    let run = app.store.start_run(access.project, start).await?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

/// Checks a spec that stands in the field `spec` of a request.
pub(crate) async fn prepare(
    app: &App,
    project: ProjectId,
    spec: WorkflowSpec,
) -> Result<Arc<Prepared>, ApiError> {
    let size = serde_json::to_vec(&spec).map_or(usize::MAX, |bytes| bytes.len());
    if size > MAX_SPEC {
        return Err(ApiError::bad_request(format!(
            "spec: has {size} bytes, and at most {MAX_SPEC} are taken"
        )));
    }
    app.store
        .prepare(project, spec)
        .await
        .map_err(|error| match error {
            StoreError::Invalid(Problems(problems)) => {
                let inside = problems.into_iter().map(|problem| Problem {
                    path: format!("spec.{}", problem.path),
                    ..problem
                });
                StoreError::Invalid(Problems(inside.collect())).into()
            }
            other => other.into(),
        })
}
