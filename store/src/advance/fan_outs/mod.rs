//! Fan-outs: a step that is a job for each of several items.
//!
//! The counters are a row of their own, apart from the state of the run: the end of an item
//! neither reads nor writes that state. Only the last end of all moves the run.

mod chunks;
mod end;
mod items;
mod make;

use mobius_engine::{FanOut, JobError, JobRef};
use mobius_types::{EventType, JobId, JobStatus, RunId};

pub(super) use chunks::Chunks;
pub(super) use end::{EndedFanOut, FanOutEnd};

use super::frames::{JobFrame, shown};
use crate::{events::Frames, limits::JobTerms};

/// The most jobs of items that one transaction makes of those that it was asked for, and again of
/// those that begin in it.
pub(super) const CHUNK: u32 = 500;

/// A fan-out as a batch sees it.
pub(crate) struct LiveFanOut {
    pub(crate) run: RunId,
    pub(crate) job: JobRef,
    pub(crate) step: String,
    pub(crate) action: String,
    pub(crate) queue: String,
    pub(crate) terms: JobTerms,
    pub(crate) server: bool,
    pub(crate) stores_results: bool,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) max_attempts: i32,
    pub(crate) counters: FanOut,
    /// About how many bytes of JSON the parameters of its items have that were made.
    pub(crate) parameter_bytes: u64,
    /// Whether its row is still to be inserted.
    pub(crate) is_new: bool,
    /// Whether its row is to be written.
    pub(crate) changed: bool,
    /// Whether nothing of it goes on.
    pub(crate) ended: bool,
    /// What became of it by its own doing, and is to be written on the job whose items it has.
    pub(crate) result: Option<Result<(), JobError>>,
}

impl LiveFanOut {
    /// Whether it has items that the next transaction is to make, or to release.
    pub(in crate::advance) fn has_more(&self) -> bool {
        self.counters.created < self.counters.items || self.counters.to_release() > 0
    }

    /// It is over by its own doing; tells of the job whose items it has.
    fn end(&mut self, id: JobId, result: Result<(), JobError>, frames: &mut Frames) {
        let frame = JobFrame {
            id,
            step: &self.step,
            action: &self.action,
            branch: &self.job.branch,
            queue: &self.queue,
            status: if result.is_ok() {
                JobStatus::Completed
            } else {
                JobStatus::Failed
            },
            attempt: 0,
            worker: None,
            item: None,
            cancel_requested: false,
            error: result.as_ref().err().map(shown),
        };
        frames.push(self.run, EventType::JobUpdated, frame.to_json());
        self.ended = true;
        self.changed = true;
        self.result = Some(result);
    }
}
