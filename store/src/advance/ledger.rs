//! The books of a batch: what was loaded, and what becomes of it, worked out in memory before
//! anything is written.

use std::collections::HashMap;

use mobius_engine::{Event, Limits, Rejected, Transition, advance};
use mobius_types::{InteractionId, JobId, RunId, Timestamp};

use super::{
    Input, Moved,
    changes::Changes,
    load::{LockedJob, LockedRun, OpenInteraction, Replays},
};
use crate::Error;

/// Loaded rows, and what becomes of them.
pub(crate) struct Ledger<'l> {
    pub(super) now: Timestamp,
    pub(super) limits: &'l Limits,
    pub(super) runs: HashMap<RunId, LockedRun>,
    pub(super) jobs: HashMap<JobId, LockedJob>,
    pub(super) replays: Replays,
    pub(super) interactions: HashMap<InteractionId, OpenInteraction>,
    pub(super) changes: Changes,
}

impl<'l> Ledger<'l> {
    /// Nothing is loaded, and nothing has changed.
    pub(crate) fn new(now: Timestamp, limits: &'l Limits) -> Self {
        Self {
            now,
            limits,
            runs: HashMap::new(),
            jobs: HashMap::new(),
            replays: Replays::new(),
            interactions: HashMap::new(),
            changes: Changes::default(),
        }
    }

    /// Deals with one input. Nothing changes when it is refused.
    pub(super) fn take(&mut self, input: &Input, jitter: fn() -> f64) -> Result<Moved, Error> {
        match input {
            Input::JobEnded(settlement) => self.settle(settlement, jitter),
            Input::TimerFired { run, job } => self.fire(*run, job),
            Input::Signal { run, signal } => self.signal(*run, signal),
            Input::Answered { run, answer } => self.answer(*run, answer),
            Input::Resume { run } => self.resume(*run),
            Input::Cancel { run, by } => self.cancel(*run, by),
            Input::Retry { run, from } => self.retry(*run, *from),
        }
    }

    pub(super) fn run(&self, id: RunId) -> Result<&LockedRun, Error> {
        self.runs.get(&id).ok_or(Error::NotFound("run"))
    }

    /// What the engine makes of an event.
    pub(super) fn decide(&self, run: &LockedRun, event: Event) -> Result<Transition, Rejected> {
        advance(&run.context(self.limits), event, self.now)
    }
}
