//! What happens to runs besides the ends of their jobs: starts, timers, signals, answers, and what
//! operators ask for.

use mobius_engine::{Action, Event, JobRef, Rejected, RetryFrom, Signal, Transition};
use mobius_types::{JobStatus, RunId, WorkflowRunStatus};

use super::{Answer, Ledger, ending::error, load::LockedRun};
use crate::Error;

impl Ledger<'_> {
    /// Starts a run that is not stored yet, and gives it back as it stands after its first step.
    pub(crate) fn start(&mut self, id: RunId, run: LockedRun) -> Result<LockedRun, Error> {
        self.runs.insert(id, run);
        let transition = self.decide(id, Event::Started)??;
        self.carry_out(id, transition, None);
        let run = self.runs.remove(&id);
        let run = run.expect("nothing removes a run while it is carried on");
        Ok(run)
    }

    /// The time came that a step execution waited for. When its branch has gone on without it, or
    /// the run has ended, only the timer goes.
    pub(super) fn fire(&mut self, id: RunId, job: &JobRef) -> Result<(), Error> {
        let event = Event::TimerFired { job: job.clone() };
        // Without its run there is no timer either.
        let decided = self.decide(id, event).unwrap_or(Err(Rejected::Ended));
        match decided {
            Ok(transition) => {
                self.changes.timers.stop(id, job.visit);
                self.carry_out(id, transition, None);
                Ok(())
            }
            Err(Rejected::Ended | Rejected::Cancelling | Rejected::NotCurrent { .. }) => {
                self.changes.timers.stop(id, job.visit);
                Ok(())
            }
            Err(
                rejected @ (Rejected::AlreadyStarted
                | Rejected::NotStarted
                | Rejected::NotPaused
                | Rejected::NotFailed
                | Rejected::Lost
                | Rejected::TooManySignals { .. }
                | Rejected::UnknownStep(_)),
            ) => Err(rejected.into()),
        }
    }

    /// Fails the runs that can't go on because their stored states can't be read.
    pub(super) fn end_lost(&mut self) {
        let is_lost = |run: &LockedRun| run.state.is_lost() && !run.status.is_terminal();
        let runs = self.runs.iter().filter(|(_, run)| is_lost(run));
        let lost: Vec<RunId> = runs.map(|(id, _)| *id).collect();
        for id in lost {
            let error = error("internal", "internal error: the state of the run was lost");
            let actions = vec![Action::StopJobs, Action::FailRun { error }];
            let moved = true;
            self.carry_out(id, Transition { actions, moved }, None);
        }
    }

    /// Stores a signal, and hands it to the wait that it was meant for, if there is one already.
    pub(super) fn signal(&mut self, id: RunId, signal: &Signal) -> Result<(), Error> {
        let event = Event::SignalReceived {
            signal: signal.clone(),
        };
        let transition = self.decide(id, event)??;
        self.changes.signals.receive(id, signal.clone());
        if let Some(run) = self.runs.get_mut(&id) {
            // Taken away again when the transition consumes it.
            run.signals.push(signal.clone());
        }
        self.carry_out(id, transition, None);
        Ok(())
    }

    /// Hands an answer to the step execution that asked.
    pub(super) fn answer(&mut self, id: RunId, answer: &Answer) -> Result<(), Error> {
        let closed = || Error::Conflict {
            code: "interaction_closed",
            message: "the interaction was answered before, has expired, or its run has ended"
                .to_owned(),
        };
        let open = self
            .interactions
            .get(&answer.interaction)
            .ok_or_else(closed)?;
        let response = answer.response(self.now);
        let event = Event::InteractionAnswered {
            job: open.job.clone(),
            response: response.clone(),
        };
        let transition = match self.decide(id, event)? {
            Err(Rejected::Ended | Rejected::Cancelling | Rejected::NotCurrent { .. }) => {
                return Err(closed());
            }
            decided => decided?,
        };
        self.interactions.remove(&answer.interaction);
        self.changes.interactions.answer(answer.clone(), response);
        self.carry_out(id, transition, None);
        Ok(())
    }

    /// Ends every pause of the run.
    pub(super) fn resume(&mut self, id: RunId) -> Result<(), Error> {
        let transition = self.decide(id, Event::Resumed)??;
        self.carry_out(id, transition, None);
        Ok(())
    }

    /// Ends the run: at once when no worker holds a job of it, else when none does any more.
    pub(super) fn cancel(&mut self, id: RunId, by: &str) -> Result<(), Error> {
        // All jobs of the run that have not ended are loaded and locked, claims in flight
        // included; what earlier inputs of the batch have ended no longer counts.
        let held = self
            .jobs
            .values()
            .filter(|job| job.run == id && job.status == JobStatus::Claimed)
            .count();
        let event = Event::CancelRequested {
            reason: format!("cancelled by {by}"),
            claimed: u32::try_from(held).unwrap_or(u32::MAX),
        };
        // A child that has ended need not be cancelled either.
        self.done_tasks.push((id, true));
        let transition = self.decide(id, event)??;
        if let Some(run) = self.runs.get_mut(&id)
            && !run.cancel_requested
        {
            run.cancel_requested = true;
            run.cancelled_by = Some(by.to_owned());
        }
        self.carry_out(id, transition, None);
        Ok(())
    }

    /// Lets a failed run go on. What is still with workers from before ends by itself, and does
    /// not move the run.
    pub(super) fn retry(&mut self, id: RunId, from: RetryFrom) -> Result<(), Error> {
        let run = self.runs.get_mut(&id).ok_or(Error::NotFound("run"))?;
        // The expressions of this transition see the new attempt already.
        run.facts.attempt = run.attempt + 1;
        let decided = self.decide(id, Event::RetryRequested { from })?;
        let run = self.runs.get_mut(&id).ok_or(Error::NotFound("run"))?;
        match decided {
            Ok(transition) => {
                run.attempt = run.facts.attempt;
                // As after a wait: queued when it needs a worker.
                run.status = WorkflowRunStatus::Suspended;
                run.result = None;
                run.error_message = None;
                run.cancel_requested = false;
                run.cancelled_by = None;
                // A child goes on for its own sake, and has not ended any more.
                self.done_tasks.extend([(id, false), (id, true)]);
                self.carry_out(id, transition, None);
                Ok(())
            }
            Err(rejected) => {
                run.facts.attempt = run.attempt;
                Err(rejected.into())
            }
        }
    }
}
