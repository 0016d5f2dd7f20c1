//! What the history tells of jobs and runs that changed.

use mobius_engine::JobError;
use mobius_types::{EventType, RunId, Timestamp};
use serde_json::{Value, json};

use super::load::{LockedJob, LockedRun};
use crate::{events::Frames, jobs::name_item};

/// Adds the frames of an ended attempt: the job as it is now, and the entry of the action log.
pub(super) fn push_ended(
    frames: &mut Frames,
    job: &LockedJob,
    now: Timestamp,
    error: Option<&JobError>,
) {
    let mut updated = of_job(job);
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

/// The frame of a job that has changed without an attempt's end.
pub(super) fn of_job(job: &LockedJob) -> Value {
    let mut frame = base(job);
    frame["queue"] = json!(job.queue);
    frame["status"] = json!(job.status);
    frame
}

/// What every frame about a job holds.
fn base(job: &LockedJob) -> Value {
    let mut frame = json!({
        "job_id": job.id,
        "step_name": job.step,
        "action": job.action,
        "branch_id": job.job.branch,
        "attempt": job.attempt,
        "worker_id": job.worker,
    });
    if let Some(item) = job.item {
        name_item(&mut frame, item);
    }
    frame
}

/// Adds the frame of a run that has changed, or that is new and then comes before its jobs.
pub(super) fn push_run(frames: &mut Frames, id: RunId, run: &LockedRun) {
    let mut data = json!({ "status": run.status, "attempt": run.attempt });
    if run.cancel_requested {
        data["cancel_requested"] = json!(true);
    }
    if let Some(message) = &run.error_message {
        data["error_message"] = json!(message);
    }
    if run.shown.is_some() {
        frames.push(id, EventType::RunUpdated, data);
    } else {
        frames.push_first(id, EventType::RunUpdated, data);
    }
}
