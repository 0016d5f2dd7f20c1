//! What the history tells of jobs and runs that changed.

use mobius_engine::JobError;
use mobius_types::{EventType, JobId, JobStatus, RunId, Timestamp};
use serde_json::{Value, json};

use super::load::{LockedJob, LockedRun};
use crate::events::Frames;

/// A job as its frames show it. Every frame of a job is made from this, but that of a claim given
/// back, which its statement makes itself.
pub(crate) struct JobFrame<'f> {
    pub(crate) id: JobId,
    pub(crate) step: &'f str,
    pub(crate) action: &'f str,
    pub(crate) branch: &'f str,
    pub(crate) queue: &'f str,
    pub(crate) status: JobStatus,
    pub(crate) attempt: i32,
    /// Who holds it, or held it last.
    pub(crate) worker: Option<&'f str>,
    /// The fan-out that it is an item of, and its place there.
    pub(crate) item: Option<(JobId, i32)>,
    pub(crate) cancel_requested: bool,
    /// The class of the error and the error.
    pub(crate) error: Option<(&'f str, &'f str)>,
}

impl JobFrame<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let mut frame = self.base();
        frame["queue"] = json!(self.queue);
        frame["status"] = json!(self.status);
        if self.cancel_requested {
            frame["cancel_requested"] = json!(true);
        }
        frame
    }

    /// What the entries of the action log show, too.
    fn base(&self) -> Value {
        let mut frame = json!({
            "job_id": self.id,
            "step_name": self.step,
            "action": self.action,
            "branch_id": self.branch,
            // The first attempt of a job that nobody has claimed is still to come.
            "attempt": self.attempt.max(1),
        });
        if let Some(worker) = self.worker {
            frame["worker_id"] = json!(worker);
        }
        if let Some((parent, index)) = self.item {
            frame["parent_job_id"] = json!(parent);
            frame["item_index"] = json!(index);
        }
        if let Some((kind, message)) = self.error {
            frame["error"] = json!(format!("{kind}: {message}"));
        }
        frame
    }
}

/// The class and the text of an error, as frames show them.
pub(crate) fn shown(error: &JobError) -> (&str, &str) {
    (&error.kind, &error.message)
}

/// Adds the frames of an ended attempt: the job as it is now, and the entry of the action log.
pub(super) fn push_ended(
    frames: &mut Frames,
    job: &LockedJob,
    now: Timestamp,
    error: Option<&JobError>,
) {
    let frame = JobFrame {
        error: error.map(shown),
        ..of_locked(job)
    };
    let mut logged = frame.base();
    logged["status"] = json!(if error.is_some() {
        "failed"
    } else {
        "completed"
    });
    let started = job.claimed_at.unwrap_or(now);
    logged["duration_ms"] = json!((now - started).num_milliseconds().max(0));
    frames.push(job.run, EventType::JobUpdated, frame.to_json());
    frames.push(job.run, EventType::ActionAppended, logged);
}

/// The frame of a job that has changed without an attempt's end.
pub(super) fn of_job(job: &LockedJob) -> Value {
    of_locked(job).to_json()
}

fn of_locked(job: &LockedJob) -> JobFrame<'_> {
    JobFrame {
        id: job.id,
        step: &job.step,
        action: &job.action,
        branch: &job.job.branch,
        queue: &job.queue,
        status: job.status,
        attempt: job.attempt,
        worker: job.worker.as_deref(),
        item: job.item,
        cancel_requested: false,
        error: None,
    }
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
