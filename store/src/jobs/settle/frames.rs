//! What the history tells of ended attempts, and how their errors read.

use mobius_engine::JobError;
use mobius_types::{EventType, RunId, Timestamp};
use serde_json::{Value, json};

use super::{
    Ending, Outcome,
    load::{LockedJob, LockedRun},
};
use crate::events::Frames;

/// The error that a worker reported.
pub(super) fn reported(error_type: Option<&str>, message: Option<&str>) -> JobError {
    JobError {
        kind: error_type.unwrap_or("activity_failed").to_owned(),
        message: message
            .unwrap_or("the worker reported a failure without a message")
            .to_owned(),
        details: None,
    }
}

/// The error of an attempt that took too long.
pub(super) fn timed_out(timeout_ms: Option<i64>) -> JobError {
    let limit = timeout_ms
        .map(|ms| format!(" of {ms} ms"))
        .unwrap_or_default();
    JobError {
        kind: "timeout".to_owned(),
        message: format!("the attempt took longer than its timeout{limit}"),
        details: None,
    }
}

/// The class of error with which a worker gives back a job because it shuts down.
const WORKER_SHUTDOWN: &str = "worker_shutdown";

/// Whether the report only says that the worker stops.
pub(super) fn is_shutdown(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed { error_type, .. } => error_type.as_deref() == Some(WORKER_SHUTDOWN),
        Outcome::Completed { .. } => false,
    }
}

/// The error of an attempt that ended without the action's doing.
pub(super) fn lost(ending: &Ending) -> JobError {
    let (kind, message) = match ending {
        Ending::Reported { .. } => (
            WORKER_SHUTDOWN,
            "the worker shut down and gave the job back",
        ),
        Ending::LeaseExpired { .. } | Ending::TimedOut { .. } => (
            "lease_expired",
            "the worker sent no heartbeat before its lease ended",
        ),
    };
    JobError {
        kind: kind.to_owned(),
        message: message.to_owned(),
        details: None,
    }
}

/// Adds the frames of an ended attempt: the job as it is now, and the entry of the action log.
pub(super) fn push_ended(
    frames: &mut Frames,
    job: &LockedJob,
    now: Timestamp,
    error: Option<&JobError>,
) {
    let mut updated = base(job);
    updated["queue"] = json!(job.queue);
    updated["status"] = json!(job.status);
    let mut logged = base(job);
    logged["status"] = json!(if error.is_some() {
        "failed"
    } else {
        "completed"
    });
    let started = job.claimed_at.unwrap_or(now);
    logged["duration_ms"] = json!((now - started).num_milliseconds().max(0));
    if let Some(error) = error {
        let text = format!("{}: {}", error.kind, error.message);
        updated["error"] = json!(text);
        logged["error"] = json!(text);
    }
    frames.push(job.run, EventType::JobUpdated, updated);
    frames.push(job.run, EventType::ActionAppended, logged);
}

/// What every frame about a job holds.
fn base(job: &LockedJob) -> Value {
    json!({
        "job_id": job.id,
        "step_name": job.step,
        "action": job.action,
        "branch_id": job.job.branch,
        "attempt": job.attempt,
        "worker_id": job.worker,
    })
}

/// Adds the frame of a run that has ended.
pub(super) fn push_run(frames: &mut Frames, id: RunId, run: &LockedRun) {
    let mut data = json!({ "status": run.status, "attempt": run.attempt });
    if let Some(message) = &run.error_message {
        data["error_message"] = json!(message);
    }
    frames.push(id, EventType::RunUpdated, data);
}
