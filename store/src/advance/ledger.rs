//! The books of a batch: what was loaded, and what becomes of it, worked out in memory before
//! anything is written.

use std::collections::HashMap;

use mobius_engine::{Event, JobError, Limits, Rejected, Transition, advance};
use mobius_types::{InteractionId, JobId, RunId, Timestamp};

use super::{
    Input, Moved, Outcome,
    changes::Changes,
    fan_outs::{CHUNK, LiveFanOut, Over},
    load::{BareRun, ChildStart, LockedJob, LockedRun, OpenInteraction, Replays},
};
use crate::Error;

/// Loaded rows, and what becomes of them.
pub(crate) struct Ledger<'l> {
    pub(super) now: Timestamp,
    pub(super) limits: &'l Limits,
    pub(super) runs: HashMap<RunId, LockedRun>,
    /// Runs of which only items end, without their states.
    pub(super) bare: HashMap<RunId, BareRun>,
    pub(super) jobs: HashMap<JobId, LockedJob>,
    pub(super) replays: Replays,
    pub(super) interactions: HashMap<InteractionId, OpenInteraction>,
    pub(super) fan_outs: HashMap<JobId, LiveFanOut>,
    /// What jobs of the control plane are to start.
    pub(super) child_starts: HashMap<JobId, Result<ChildStart, JobError>>,
    /// What came of children.
    pub(super) child_outcomes: HashMap<RunId, Outcome>,
    /// Fan-outs of which the last item has ended in this batch.
    pub(super) over: Vec<Over>,
    /// Fan-outs of which items are to be made in this batch.
    pub(super) unmade: Vec<JobId>,
    /// How many more jobs of items this batch makes at most.
    pub(super) room: u32,
    /// What is to be done in a transaction of its own after this one.
    pub(super) next: Vec<Input>,
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
            bare: HashMap::new(),
            fan_outs: HashMap::new(),
            child_starts: HashMap::new(),
            child_outcomes: HashMap::new(),
            over: Vec::new(),
            unmade: Vec::new(),
            room: CHUNK,
            next: Vec::new(),
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
            Input::Chunk { run, fan_out } => self.chunk(*run, *fan_out),
            Input::StartChild { run, job } => self.start_child(*run, *job, jitter),
            Input::ChildEnded { job, child } => self.child_ended(*job, *child, jitter),
        }
    }

    /// The time at which all of the batch happens.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// What the engine makes of an event, if the run is there. It changes the run's state, unless
    /// it rejects the event.
    pub(super) fn decide(
        &mut self,
        run: RunId,
        event: Event,
    ) -> Result<Result<Transition, Rejected>, Error> {
        let run = self.runs.get_mut(&run).ok_or(Error::NotFound("run"))?;
        let (context, state) = run.context(self.limits);
        let decided = advance(&context, state, event, self.now);
        run.changed |= decided.as_ref().is_ok_and(|transition| transition.moved);
        Ok(decided)
    }
}
