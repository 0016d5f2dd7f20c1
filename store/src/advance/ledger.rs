//! The books of a batch: what was loaded, and what becomes of it, worked out in memory before
//! anything is written.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use mobius_engine::{Event, JobError, Limits, Rejected, Transition, advance};
use mobius_types::{InteractionId, JobId, ProjectId, RunId, Timestamp};

use super::{
    Input,
    changes::Changes,
    fan_outs::{CHUNK, Chunks, EndedFanOut, LiveFanOut},
    load::{BareRun, ChildOutcome, ChildStart, LockedJob, LockedRun, OpenInteraction, Replays},
};
use crate::{Error, pauses::Paused, runs::NewRun};

/// Loaded rows, and what becomes of them.
pub(crate) struct Ledger<'l> {
    pub(super) now: Timestamp,
    pub(super) project: ProjectId,
    /// What no worker may be given.
    pub(super) paused: Paused,
    /// Whether the batch has more than one input, and so could be smaller.
    pub(super) is_shared: bool,
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
    pub(super) child_outcomes: HashMap<RunId, ChildOutcome>,
    /// Fan-outs of which the last item has ended in this batch.
    pub(super) ended_fan_outs: Vec<EndedFanOut>,
    /// Fan-outs that begin in this batch, and of which no items are made yet.
    pub(super) begun_fan_outs: Vec<JobId>,
    /// How many more jobs of items those get in this batch at most.
    pub(super) room: u32,
    /// What the others get for which it was asked.
    pub(super) chunks: Chunks,
    /// The bytes of the results that were read of fan-outs.
    pub(super) result_bytes: u64,
    /// After which times workers can claim something that they could not before.
    pub(super) claimable_in: BTreeSet<Duration>,
    /// What was done of what was left to do with children: the child, and whether it was to be
    /// cancelled.
    pub(super) done_tasks: Vec<(RunId, bool)>,
    /// What is to be done in a transaction of its own after this one.
    pub(super) next: Vec<Input>,
    pub(super) changes: Changes,
}

impl<'l> Ledger<'l> {
    /// Nothing is loaded, and nothing has changed.
    pub(crate) fn new(now: Timestamp, project: ProjectId, limits: &'l Limits) -> Self {
        Self {
            now,
            project,
            paused: Paused::default(),
            is_shared: false,
            limits,
            runs: HashMap::new(),
            jobs: HashMap::new(),
            replays: Replays::new(),
            interactions: HashMap::new(),
            bare: HashMap::new(),
            fan_outs: HashMap::new(),
            child_starts: HashMap::new(),
            child_outcomes: HashMap::new(),
            ended_fan_outs: Vec::new(),
            begun_fan_outs: Vec::new(),
            room: CHUNK,
            chunks: Chunks::default(),
            result_bytes: 0,
            claimable_in: BTreeSet::new(),
            done_tasks: Vec::new(),
            next: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Deals with one input. Nothing changes when it is refused.
    pub(super) fn take(&mut self, input: &Input, jitter: fn() -> f64) -> Result<(), Error> {
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

    /// Adds a run that the batch inserts, and returns its place among them.
    pub(crate) fn add_run(&mut self, run: NewRun) -> usize {
        self.changes.new_runs.push(run);
        self.changes.new_runs.len() - 1
    }

    pub(crate) fn new_run(&self, place: usize) -> &NewRun {
        &self.changes.new_runs[place]
    }

    /// The project that it is all about.
    pub(crate) const fn project(&self) -> ProjectId {
        self.project
    }

    /// Has no new job of these lanes go to a worker.
    pub(crate) fn pause(&mut self, paused: Paused) {
        self.paused = paused;
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
