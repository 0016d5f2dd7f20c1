//! Jobs whose rows were changed together with others by one statement.

use mobius_types::{EventType, JobId, JobStatus, RunId};
use uuid::Uuid;

use crate::{
    advance::{
        changes::{ChildTask, ChildTaskKind},
        frames::JobFrame,
    },
    events::Frames,
};

/// A row as the statements give it.
pub(super) struct ChangedJob {
    pub(super) id: Uuid,
    pub(super) run_id: Uuid,
    pub(super) step_name: String,
    pub(super) action: String,
    pub(super) queue: String,
    pub(super) branch: String,
    pub(super) status: JobStatus,
    pub(super) attempt: i32,
    pub(super) parent_job_id: Option<Uuid>,
    pub(super) item_index: Option<i32>,
    pub(super) server: bool,
    pub(super) child_run_id: Option<Uuid>,
    pub(super) cancel_requested: bool,
    pub(super) error_type: Option<String>,
    pub(super) last_error: Option<String>,
}

impl ChangedJob {
    pub(super) fn run(&self) -> RunId {
        self.run_id.into()
    }

    fn frame(&self) -> JobFrame<'_> {
        let error = self.error_type.as_deref().zip(self.last_error.as_deref());
        JobFrame {
            id: self.id.into(),
            step: &self.step_name,
            action: &self.action,
            branch: &self.branch,
            queue: &self.queue,
            status: self.status,
            attempt: self.attempt,
            worker: None,
            item: self.parent_job_id.map(JobId::from).zip(self.item_index),
            cancel_requested: self.cancel_requested,
            // That of an earlier attempt is no news.
            error: error.filter(|_| self.status == JobStatus::Failed),
        }
    }

    /// Adds the frame behind those of its run.
    pub(super) fn push_to(&self, frames: &mut Frames) {
        frames.push(self.run(), EventType::JobUpdated, self.frame().to_json());
    }

    /// Adds the frame at a place among those of its run.
    pub(super) fn insert_at(&self, place: usize, frames: &mut Frames) {
        let frame = self.frame().to_json();
        frames.insert(self.run(), place, EventType::JobUpdated, &frame);
    }

    /// The child of a job that was told to stop, which is to stop with it.
    pub(super) fn orphan(&self) -> Option<ChildTask> {
        let child = self.child_run_id?;
        (self.status == JobStatus::Claimed).then(|| ChildTask {
            child: child.into(),
            job: self.id.into(),
            kind: ChildTaskKind::Cancel { parent: self.run() },
        })
    }
}
