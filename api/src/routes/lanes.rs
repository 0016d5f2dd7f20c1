//! Lanes: the waiting jobs of queues and actions, and pausing them.

use axum::{
    Json,
    extract::{FromRequestParts, RawPathParams, State},
    http::{StatusCode, request::Parts},
};
use mobius_store::pauses;
use mobius_types::{LaneListResponse, Pause, PauseKind, PauseRequest, ProjectId};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::OptionalBody,
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_queues))
        .routes(routes!(pause_queue, unpause_queue))
        .routes(routes!(pause_action, unpause_action))
}

/// The `{name}` of the path.
struct LaneName(String);

impl<S: Send + Sync> FromRequestParts<S> for LaneName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| ApiError::bad_request("name: is not UTF-8"))?;
        let named = params.iter().find(|(name, _)| *name == "name");
        let name = named.map(|(_, value)| value).unwrap_or_default();
        check::name("name", name)?;
        if name.contains('\0') {
            return Err(ApiError::bad_request("name: must not contain NUL"));
        }
        Ok(Self(name.to_owned()))
    }
}

/// List queues
///
/// Each queue with each of its actions, how many jobs wait there, and what is paused.
#[utoipa::path(get, path = "/projects/{project}/queues", operation_id = "listQueues", tag = "queues", params(("project" = String, Path, description = "The project's handle or id.")), responses((status = 200, description = "The lanes and the pauses.", body = LaneListResponse), ErrorResponses))]
async fn list_queues(
    access: Access<grant::JobRead>,
    State(app): State<App>,
) -> Result<Json<LaneListResponse>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    Ok(Json(pauses::lanes(&mut connection, access.project).await?))
}

/// Pause a queue
///
/// No job of the queue is handed out until it goes on, not even of actions that it has had none of
/// yet. Jobs that workers hold go on, and their retries wait. A queue that is paused already stays as
/// it is.
#[utoipa::path(put, path = "/projects/{project}/queues/{name}/pause", operation_id = "pauseQueue", tag = "queues", params(("project" = String, Path, description = "The project's handle or id."), ("name" = String, Path, description = "The queue.")), request_body = Option<PauseRequest>, responses((status = 200, description = "The pause.", body = Pause), ErrorResponses))]
async fn pause_queue(
    access: Access<grant::JobPause>,
    State(app): State<App>,
    LaneName(name): LaneName,
    OptionalBody(request): OptionalBody<PauseRequest>,
) -> Result<Json<Pause>, ApiError> {
    pause(&app, &access, PauseKind::Queue, name, request).await
}

/// Let a queue go on
///
/// Its waiting jobs go to waiting workers at once. Nothing happens to one that is not paused.
#[utoipa::path(delete, path = "/projects/{project}/queues/{name}/pause", operation_id = "unpauseQueue", tag = "queues", params(("project" = String, Path, description = "The project's handle or id."), ("name" = String, Path, description = "The queue.")), responses((status = 204, description = "It is not paused."), ErrorResponses))]
async fn unpause_queue(
    access: Access<grant::JobPause>,
    State(app): State<App>,
    LaneName(name): LaneName,
) -> Result<StatusCode, ApiError> {
    unpause(&app, access.project, PauseKind::Queue, name).await
}

/// Pause an action
///
/// As for a queue: no job of the action is handed out, in whatever queue.
#[utoipa::path(put, path = "/projects/{project}/actions/{name}/pause", operation_id = "pauseAction", tag = "queues", params(("project" = String, Path, description = "The project's handle or id."), ("name" = String, Path, description = "The action.")), request_body = Option<PauseRequest>, responses((status = 200, description = "The pause.", body = Pause), ErrorResponses))]
async fn pause_action(
    access: Access<grant::JobPause>,
    State(app): State<App>,
    LaneName(name): LaneName,
    OptionalBody(request): OptionalBody<PauseRequest>,
) -> Result<Json<Pause>, ApiError> {
    pause(&app, &access, PauseKind::Action, name, request).await
}

/// Let an action go on
///
/// As for a queue.
#[utoipa::path(delete, path = "/projects/{project}/actions/{name}/pause", operation_id = "unpauseAction", tag = "queues", params(("project" = String, Path, description = "The project's handle or id."), ("name" = String, Path, description = "The action.")), responses((status = 204, description = "It is not paused."), ErrorResponses))]
async fn unpause_action(
    access: Access<grant::JobPause>,
    State(app): State<App>,
    LaneName(name): LaneName,
) -> Result<StatusCode, ApiError> {
    unpause(&app, access.project, PauseKind::Action, name).await
}

async fn pause(
    app: &App,
    access: &Access<grant::JobPause>,
    kind: PauseKind,
    name: String,
    request: PauseRequest,
) -> Result<Json<Pause>, ApiError> {
    check::text("reason", request.reason.as_deref())?;
    let (project, by) = (access.project, access.label());
    let write = app.store.db().write(move |tx| {
        Box::pin(async move {
            let reason = request.reason.as_deref();
            pauses::pause(tx, project, (kind, &name), reason, &by).await
        })
    });
    Ok(Json(write.await?))
}

async fn unpause(
    app: &App,
    project: ProjectId,
    kind: PauseKind,
    name: String,
) -> Result<StatusCode, ApiError> {
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(async move { pauses::unpause(tx, project, kind, &name).await }));
    write.await?;
    app.store.doorbell().ring(project);
    Ok(StatusCode::NO_CONTENT)
}
