//! Calls a tool and waits for its run, and tells how a run stands.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequestParts, RawPathParams, State},
    http::{StatusCode, request::Parts},
};
use mobius_store::{
    runs::{self, Outcome, Source, StartRun},
    workflows,
};
use mobius_types::{
    JobOptions, ProjectId, RunId, ToolRun, ToolRunRequest, ToolRunStatus, WorkflowId,
    WorkflowRunStatus,
};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{OptionalBody, parse_id},
};

/// The queue of the jobs of tools' runs.
const QUEUE: &str = "default";

/// How long a call waits when it does not say, in seconds.
const DEFAULT_WAIT: i32 = 30;

/// The longest that a call may wait, in seconds.
const MAX_WAIT: i32 = 120;

/// Call a tool
///
/// Starts a run of the workflow and waits for its end, at most `timeout_seconds`. 200 when it has
/// ended, also when it failed: see `status`. 202 when it goes on: ask for it by its id. 429 when
/// the key has too many streams and waiting calls open.
#[utoipa::path(post, path = "/projects/{project}/tools/{handle}/runs", operation_id = "runTool", tag = "tools", params(("project" = String, Path, description = "The project's handle or id."), ("handle" = String, Path, description = "The tool's name: the workflow's handle.")), request_body = ToolRunRequest, responses((status = 200, description = "The run has ended.", body = ToolRun), (status = 202, description = "The run goes on.", body = ToolRun), ErrorResponses))]
pub(super) async fn run_tool(
    access: Access<grant::ToolRun>,
    State(app): State<App>,
    tool: ToolPath,
    OptionalBody(request): OptionalBody<ToolRunRequest>,
) -> Result<(StatusCode, Json<ToolRun>), ApiError> {
    let wait = wait(request.timeout_seconds)?;
    let inputs = request.input.unwrap_or_default();
    check::json_size("input", &inputs, app.limits.inputs_bytes)?;
    let workflow = tool.workflow(&app, access.project).await?;
    let _seat = app.seats.take(access.key())?;
    let start = StartRun {
        source: Source::Workflow(workflow),
        queue: QUEUE.to_owned(),
        inputs,
        metadata: None,
        external_id: None,
        initiator: access.initiator(),
        options: JobOptions::default(),
    };
    let run = app.store.start_run(access.project, start).await?.id;
    // Whatever goes wrong from here on, the run is there, and the caller must learn its id.
    let ended = tokio::time::timeout(wait, end_of(&app, access.project, run)).await;
    Ok(match ended {
        Ok(Ok(Some(outcome))) => (StatusCode::OK, Json(shown(run, outcome))),
        Ok(Ok(None) | Err(_)) | Err(_) => (StatusCode::ACCEPTED, Json(pending(run))),
    })
}

/// Get the run of a tool
///
/// Of this tool alone: the run of another workflow is not found. A workflow that is not published
/// any more still shows its runs here, so that whoever was told 202 learns how theirs ended.
#[utoipa::path(get, path = "/projects/{project}/tools/{handle}/runs/{runId}", operation_id = "getToolRun", tag = "tools", params(("project" = String, Path, description = "The project's handle or id."), ("handle" = String, Path, description = "The tool's name: the workflow's handle."), ("runId" = String, Path, description = "The run's id.")), responses((status = 200, description = "How it stands.", body = ToolRun), ErrorResponses))]
pub(super) async fn get_tool_run(
    access: Access<grant::ToolRead>,
    State(app): State<App>,
    tool: ToolPath,
) -> Result<Json<ToolRun>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = workflows::find_by_handle(&mut connection, access.project, &tool.handle).await?;
    let workflow = found.ok_or(ApiError::NotFound("tool"))?;
    let run = parse_id::<RunId>(&tool.run)?;
    let outcome = runs::outcome(&mut connection, access.project, run).await?;
    outcome
        .filter(|outcome| outcome.definition == Some(workflow))
        .map(|outcome| Json(shown(run, outcome)))
        .ok_or(ApiError::NotFound("run"))
}

/// The `{handle}` of the path, and the `{runId}` where there is one.
pub(super) struct ToolPath {
    handle: String,
    run: String,
}

impl ToolPath {
    /// The published workflow of that handle.
    async fn workflow(&self, app: &App, project: ProjectId) -> Result<WorkflowId, ApiError> {
        let mut connection = app.store.db().acquire().await?;
        let found = workflows::find_tool(&mut connection, project, &self.handle).await?;
        found.ok_or(ApiError::NotFound("tool"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ToolPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotFound("tool"))?;
        let named = |wanted| {
            let mut params = params.iter();
            let found = params.find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let handle: String = named("handle");
        // Postgres can't even be asked for it.
        if handle.contains('\0') {
            return Err(ApiError::NotFound("tool"));
        }
        Ok(Self {
            handle,
            run: named("runId"),
        })
    }
}

fn wait(seconds: Option<i32>) -> Result<Duration, ApiError> {
    let seconds = seconds.unwrap_or(DEFAULT_WAIT);
    if !(1..=MAX_WAIT).contains(&seconds) {
        return Err(ApiError::bad_request(format!(
            "timeout_seconds: must be between 1 and {MAX_WAIT}"
        )));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs().into()))
}

/// Waits until the run has ended, and reads what came of it.
async fn end_of(app: &App, project: ProjectId, run: RunId) -> Result<Option<Outcome>, ApiError> {
    app.hub.ended(project, run).await?;
    let mut connection = app.store.db().acquire().await?;
    let outcome = runs::outcome(&mut connection, project, run).await?;
    // A retry may have come in between.
    Ok(outcome.filter(|outcome| outcome.status.is_terminal()))
}

fn pending(run_id: RunId) -> ToolRun {
    ToolRun {
        run_id,
        status: ToolRunStatus::Pending,
        output: None,
        error: None,
    }
}

fn shown(run_id: RunId, outcome: Outcome) -> ToolRun {
    ToolRun {
        run_id,
        status: match outcome.status {
            WorkflowRunStatus::Queued => ToolRunStatus::Pending,
            WorkflowRunStatus::Running => ToolRunStatus::Running,
            WorkflowRunStatus::Completed => ToolRunStatus::Completed,
            WorkflowRunStatus::Failed => ToolRunStatus::Failed,
            WorkflowRunStatus::Suspended => ToolRunStatus::Suspended,
        },
        output: outcome.result,
        error: outcome.error_message,
    }
}
