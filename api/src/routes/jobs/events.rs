//! Events that the worker of a claimed job adds to the history of its run.

use axum::{extract::State, http::StatusCode};
use mobius_store::{
    events::{CustomEvent, Emission},
    jobs,
};
use mobius_types::{EventType, JobEventEntry, JobEventsRequest, JobId};
use tokio::time::Instant;

use super::fence;
use crate::{
    ApiError, App,
    access::{Access, grant},
    check,
    error::ErrorResponses,
    extract::{BoundedBody, PathId, bound::Events},
    limits::MAX_EVENTS,
    streams::RESET,
};

/// The most characters of an event's name.
const MAX_TYPE: usize = 64;

/// Names that begin like this are kept for the control plane.
const RESERVED: &str = "mobius.";

/// Add events to a run's history
///
/// For the worker that holds the job: its events reach the streams of the run, and stay in its
/// history. All of them are stored, or none. 409 when the worker does not hold this attempt any
/// more. 413 for more than 100 events, or a payload of more than 16 KiB. 429 for more than 100
/// events a second in the long run.
#[utoipa::path(post, path = "/projects/{project}/jobs/{id}/events", operation_id = "emitJobEvents", tag = "jobs", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The job's id.")), request_body = JobEventsRequest, responses((status = 204, description = "The events are stored."), ErrorResponses))]
pub(super) async fn emit_job_events(
    access: Access<grant::JobEmitEvent>,
    State(app): State<App>,
    PathId(id): PathId<JobId>,
    BoundedBody(request, _): BoundedBody<JobEventsRequest, Events>,
) -> Result<StatusCode, ApiError> {
    let fence = fence(id, request.worker_id, request.attempt, access.user())?;
    check_count(request.events.len())?;
    for (place, event) in request.events.iter().enumerate() {
        check_event(place, event, app.limits.event_bytes)?;
    }
    if let Err(too_fast) = app.pace.take(&fence, request.events.len(), Instant::now()) {
        // A worker that has lost its job is to stop, not to slow down.
        let mut connection = app.store.db().acquire().await?;
        jobs::check_fence(&mut connection, access.project, &fence).await?;
        return Err(too_fast);
    }
    let events = request.events.into_iter().map(|event| CustomEvent {
        kind: event.kind,
        payload: event.payload,
    });
    let emission = Emission {
        fence,
        events: events.collect(),
    };
    app.store.emit(access.project, emission).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_count(count: usize) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::bad_request("events: must not be empty")),
        1..=MAX_EVENTS => Ok(()),
        _ => Err(ApiError::TooLarge(format!(
            "events: has {count} items, and at most {MAX_EVENTS} are taken at once"
        ))),
    }
}

fn check_event(place: usize, event: &JobEventEntry, most: usize) -> Result<(), ApiError> {
    check_type(&event.kind)
        .map_err(|why| ApiError::bad_request(format!("events[{place}].type: {why}")))?;
    let size = serde_json::to_vec(&event.payload).map_or(usize::MAX, |bytes| bytes.len());
    if size > most {
        return Err(ApiError::TooLarge(format!(
            "events[{place}].payload: has {size} bytes, and at most {most} are taken"
        )));
    }
    check::object_nesting(&format!("events[{place}].payload"), &event.payload)
}

/// Whether a worker may name an event so.
fn check_type(kind: &str) -> Result<(), &'static str> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if kind.is_empty() || kind.len() > MAX_TYPE || !kind.bytes().all(is_name) {
        return Err("must be 1 to 64 letters, digits, `_`, `.` and `-`");
    }
    if kind.starts_with(RESERVED) {
        return Err("must not begin with `mobius.`, which is kept for the control plane");
    }
    // A reader takes these for what the control plane itself says: that a run has ended, or that
    // events are missing.
    if kind == RESET || EventType::ALL.iter().any(|own| own.as_str() == kind) {
        return Err("is a name under which the control plane itself speaks");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "x".repeat(MAX_TYPE);
        for good in [
            "a",
            "Progress",
            "step_1.done-2",
            "mobius",
            "mobiusx.a",
            &longest,
        ] {
            assert_eq!(check_type(good), Ok(()), "{good}");
        }
        let longer = "x".repeat(MAX_TYPE + 1);
        for bad in [
            "",
            " ",
            "a b",
            "a\nb",
            "é",
            "a:b",
            "mobius.",
            "mobius.x",
            "run_updated",
            "job_updated",
            "action_appended",
            "reset",
            &longer,
        ] {
            assert!(check_type(bad).is_err(), "{bad}");
        }
    }
}
