//! Fan-outs: a step that is a job for each of several items.
//!
//! The counters are a row of their own, apart from the state of the run: the end of an item
//! neither reads nor writes that state. Only the last end of all moves the run.

mod end;
mod items;
mod make;

use mobius_engine::{FanOut, JobError, JobRef};
use mobius_types::RunId;

pub(super) use items::Over;

/// The most jobs of items that one transaction makes.
pub(super) const CHUNK: u32 = 500;

/// How many jobs it counts for when none could be made, so that a transaction in which many steps
/// fail at it is bounded, too.
const FAILURE: u32 = 8;

/// A fan-out as a batch sees it.
pub(crate) struct LiveFanOut {
    pub(crate) run: RunId,
    pub(crate) job: JobRef,
    pub(crate) step: String,
    pub(crate) action: String,
    pub(crate) queue: String,
    pub(crate) server: bool,
    pub(crate) stores_results: bool,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) max_attempts: i32,
    pub(crate) counters: FanOut,
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
    /// It is over.
    fn end(&mut self, result: Result<(), JobError>) {
        self.ended = true;
        self.changed = true;
        self.result = Some(result);
    }
}
