//! Lists and reads runs.

use axum::{Json, extract::State};
use mobius_store::{
    jobs,
    runs::{self, RunFilter},
    workflows,
};
use mobius_types::{
    ActionLogListResponse, JobListResponse, Page, ProjectId, RunId, WorkflowId, WorkflowRunDetail,
    WorkflowRunListResponse, WorkflowRunStatus,
};
use serde::Deserialize;

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::{LongPaging, Paging, PathId, Query, parse_id},
};

/// List runs
///
/// Newest first. Filters combine.
#[utoipa::path(get, path = "/projects/{project}/runs", operation_id = "listRuns", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), RunsQuery, Paging), responses((status = 200, description = "A page of runs.", body = WorkflowRunListResponse), ErrorResponses))]
pub(super) async fn list_runs(
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
pub(super) async fn list_workflow_runs(
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
/// With its spec, its newest jobs (at most 1,000; the list of its jobs has all), and its result
/// once it is completed.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}", operation_id = "getRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id.")), responses((status = 200, description = "The run.", body = WorkflowRunDetail), ErrorResponses))]
pub(super) async fn get_run(
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
/// Oldest first.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}/jobs", operation_id = "getRunJobs", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id."), LongPaging), responses((status = 200, description = "A page of the jobs.", body = JobListResponse), ErrorResponses))]
pub(super) async fn get_run_jobs(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
    Query(paging): Query<LongPaging>,
) -> Result<Json<JobListResponse>, ApiError> {
    let (after, limit) = (paging.cursor.as_deref(), paging.limit()?);
    let mut connection = app.store.db().acquire().await?;
    let found = jobs::of_run(&mut connection, access.project, id, after, limit).await?;
    let Page { items, next_cursor } = found.ok_or(ApiError::NotFound("run"))?;
    Ok(Json(JobListResponse {
        items,
        has_more: next_cursor.is_some(),
        next_cursor,
    }))
}

/// List what a run's actions did
///
/// Every attempt that has ended, in the order of the ends.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}/action-log", operation_id = "getRunActionLog", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id."), LongPaging), responses((status = 200, description = "A page of the log.", body = ActionLogListResponse), ErrorResponses))]
pub(super) async fn get_run_action_log(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
    Query(paging): Query<LongPaging>,
) -> Result<Json<ActionLogListResponse>, ApiError> {
    let (after, limit) = (paging.cursor.as_deref(), paging.limit()?);
    let mut connection = app.store.db().acquire().await?;
    let found = jobs::action_log(&mut connection, access.project, id, after, limit).await?;
    let Page { items, next_cursor } = found.ok_or(ApiError::NotFound("run"))?;
    Ok(Json(ActionLogListResponse {
        items,
        has_more: next_cursor.is_some(),
        next_cursor,
    }))
}

/// The filters of a list of runs.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
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
