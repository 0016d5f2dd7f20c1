//! Streams of events: of a project, and of one run.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use mobius_store::events;
use mobius_types::RunId;
use serde::Deserialize;

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::{PathId, Query},
    streams::{Start, Stream},
};

/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// Stream a project's events
///
/// Server-sent events: one frame for every change of a run or job, and for every event that a
/// worker adds, in one order without gaps. `docs/events.md` describes the frames.
#[utoipa::path(get, path = "/projects/{project}/runs/events", operation_id = "streamProjectRunEvents", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), Since), responses((status = 200, description = "The events, as they happen.", content_type = "text/event-stream", body = String), ErrorResponses))]
pub(super) async fn stream_project_run_events(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    Query(query): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    open(app, access, None, query.position(&headers)?).await
}

/// Stream a run's events
///
/// As for a project, with the events of one run. The first frame tells how the run stands.
#[utoipa::path(get, path = "/projects/{project}/runs/{id}/events", operation_id = "streamRunEvents", tag = "runs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The run's id."), Since), responses((status = 200, description = "The events, as they happen.", content_type = "text/event-stream", body = String), ErrorResponses))]
pub(super) async fn stream_run_events(
    access: Access<grant::RunRead>,
    State(app): State<App>,
    PathId(id): PathId<RunId>,
    Query(query): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    open(app, access, Some(id), query.position(&headers)?).await
}

/// Where a stream starts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// The largest `seq` that was seen: what came after it is sent first. 0 sends everything that
    /// is kept; without it the stream starts live. `Last-Event-ID` means the same, and the larger
    /// of the two counts.
    since: Option<i64>,
}

impl Since {
    fn position(&self, headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
        if self.since.is_some_and(|since| since < 0) {
            return Err(ApiError::bad_request("since: must be 0 or more"));
        }
        let last = headers.get(LAST_EVENT_ID).map(|value| {
            let text = value.to_str().ok().filter(|text| !text.starts_with('+'));
            text.and_then(|text| text.parse::<i64>().ok())
                .filter(|last| *last >= 0)
                .ok_or_else(|| {
                    ApiError::bad_request("Last-Event-ID: must be the `id` of a frame of ours")
                })
        });
        Ok(last.transpose()?.max(self.since))
    }
}

async fn open(
    app: App,
    access: Access<grant::RunRead>,
    run: Option<RunId>,
    since: Option<i64>,
) -> Result<Response, ApiError> {
    let seat = app.seats.take(access.key())?;
    let mut connection = app.store.db().acquire().await?;
    let position = events::position(&mut connection, access.project, run).await?;
    drop(connection);
    let following = app.hub.follow(access.project);
    let start = Start::at(&position, run, since);
    let stream = Stream::new(app, access, run, (following, seat), start);
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        // Proxies that collect answers before they pass them on know this one.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::from_stream(stream.into_bytes())).into_response())
}
