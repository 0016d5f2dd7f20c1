//! Starts runs, and checks specs.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use mobius_store::{
    Error as StoreError, Prepared, Problem, Problems, check_job_options,
    runs::{OutOfBounds, Source, StartRun},
};
use mobius_types::{ProjectId, StartRunRequest, WorkflowId, WorkflowRun, WorkflowSpec};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{Body, PathId, parse_id},
};

/// The queue of a run that names none.
const DEFAULT_QUEUE: &str = "default";

/// Start a run
///
/// From a saved workflow (`definition_id`) or from a spec of its own (`spec`), never both.
#[utoipa::path(post, path = "/projects/{project}/runs", operation_id = "startRun", tag = "runs", params(("project" = String, Path, description = "The project's handle or id.")), request_body = StartRunRequest, responses((status = 202, description = "The run is stored and will be executed.", body = WorkflowRun), ErrorResponses))]
pub(super) async fn start_run(
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
pub(super) async fn start_workflow_run(
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

async fn start(
    app: &App,
    access: &Access<grant::RunStart>,
    source: Source,
    mut request: StartRunRequest,
) -> Result<(StatusCode, Json<WorkflowRun>), ApiError> {
    let options = request.take_job_options();
    check_job_options(&options).map_err(StoreError::Invalid)?;
    let queue = request.queue.unwrap_or_else(|| DEFAULT_QUEUE.to_owned());
    let start = StartRun {
        source,
        queue,
        inputs: request.inputs.unwrap_or_default(),
        metadata: request.metadata,
        external_id: request.external_id,
        initiator: access.initiator(),
        options,
    };
    start
        .check(app.limits.inputs_bytes)
        .map_err(|refused| match refused {
            OutOfBounds::Wrong(message) => ApiError::bad_request(message),
            OutOfBounds::TooLarge(message) => ApiError::TooLarge(message),
        })?;
    let run = app.store.start_run(access.project, start).await?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

/// Checks a spec that stands in the field `spec` of a request.
pub(in crate::routes) async fn prepare(
    app: &App,
    project: ProjectId,
    spec: WorkflowSpec,
) -> Result<Arc<Prepared>, ApiError> {
    check::json_size("spec", &spec, app.limits.spec_bytes)?;
    let prepared = app.store.prepare(project, spec).await;
    prepared.map_err(|error| match error {
        StoreError::Invalid(problems) => StoreError::Invalid(inside_spec(problems)).into(),
        StoreError::NotFound(_)
        | StoreError::Conflict { .. }
        | StoreError::RunEnded
        | StoreError::LeaseLost
        | StoreError::InvalidCursor
        | StoreError::Unavailable(_)
        | StoreError::Database(_)
        | StoreError::Corrupt(_) => error.into(),
    })
}

/// The same problems with their places as the request has them.
fn inside_spec(Problems(problems): Problems) -> Problems {
    let inside = |problem: Problem| match problem.path.as_str() {
        "" => Problem {
            path: "spec".to_owned(),
            ..problem
        },
        path => Problem {
            path: format!("spec.{path}"),
            ..problem
        },
    };
    Problems(problems.into_iter().map(inside).collect())
}
