//! The ends of items: counted beside the run, whose state is left alone.

use std::time::Duration;

use mobius_engine::{Action, FanOutProgress, ItemDecision, JobError, JobRef, settle_item};
use mobius_types::{JobId, RunId, WorkflowRunStatus};

use super::{
    super::{Ending, Input, Ledger, Settlement, load::LockedJob},
    EndedFanOut, FanOutEnd,
};
use crate::Error;

impl Ledger<'_> {
    /// Deals with those inputs that are about items of fan-outs, before all others. `None` stands
    /// for an input that is about something else.
    pub(in crate::advance) fn take_items(
        &mut self,
        inputs: &[Input],
        jitter: fn() -> f64,
    ) -> Vec<Option<Result<(), Error>>> {
        let take = |input: &Input| {
            let job = self.jobs.get(&input.job()?)?;
            job.item?;
            // A run that waits for its workers to stop counts their answers itself.
            let counts = self
                .runs
                .get(&job.run)
                .is_some_and(|run| run.state.is_cancelling());
            (!counts).then(|| self.take(input, jitter))
        };
        inputs.iter().map(take).collect()
    }

    /// Ends the attempt of an item's job, which was found to be current.
    pub(in crate::advance) fn settle_item(
        &mut self,
        settlement: &Settlement,
        jitter: fn() -> f64,
    ) -> Result<(), Error> {
        let job = self
            .jobs
            .get(&settlement.job)
            .ok_or(Error::NotFound("job"))?;
        let (fan_out, index) = job.item.ok_or(Error::NotFound("item"))?;
        let goes_on = !self.run_has_ended(job.run)
            && self
                .fan_outs
                .get(&fan_out)
                .is_some_and(|fan_out| !fan_out.ended);
        let decision = if goes_on {
            self.decide_item(job, settlement, jitter)?
        } else {
            settlement.ending.late(job)
        };
        if goes_on {
            self.count(fan_out, index, &decision, &settlement.ending);
        }
        self.end(
            settlement,
            action(self.jobs[&settlement.job].job.clone(), decision),
        );
        Ok(())
    }

    fn run_has_ended(&self, id: RunId) -> bool {
        let whole = self.runs.get(&id).map(|run| run.status);
        let status = whole.or_else(|| self.bare.get(&id).map(|run| run.status));
        status.is_none_or(WorkflowRunStatus::is_terminal)
    }

    fn decide_item(
        &self,
        job: &LockedJob,
        settlement: &Settlement,
        jitter: fn() -> f64,
    ) -> Result<ItemDecision, Error> {
        let whole = self.runs.get(&job.run).map(|run| &run.spec);
        let spec = whole
            .or_else(|| self.bare.get(&job.run).map(|run| &run.spec))
            .ok_or_else(|| Error::Corrupt(format!("the run of {} is missing", job.id)))?;
        let event = settlement.ending.item_event(job, jitter);
        Ok(settle_item(
            spec.definition(),
            &job.step,
            self.limits,
            event,
        ))
    }

    /// Counts an item that has ended, and lets those behind it go.
    fn count(&mut self, id: JobId, index: i32, decision: &ItemDecision, ending: &Ending) {
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return;
        };
        match decision {
            ItemDecision::Complete => fan_out.counters.completed += 1,
            ItemDecision::Fail { .. } => fan_out.counters.failed += 1,
            ItemDecision::Retry { .. } | ItemDecision::Rescue => return,
        }
        fan_out.changed = true;
        let of_item = |error: &JobError| JobError {
            message: format!("item {index}: {}", error.message),
            ..error.clone()
        };
        let end = match (fan_out.counters.progress(), decision, ending) {
            // Whatever may fail: the run is over a limit.
            (_, ItemDecision::Fail { error }, Ending::Refused { .. }) if error.is_limit() => {
                FanOutEnd::Refused(of_item(error))
            }
            (FanOutProgress::Failed, ItemDecision::Fail { error }, _) => {
                FanOutEnd::Failed(of_item(error))
            }
            (FanOutProgress::Completed, _, _) => FanOutEnd::Completed,
            (FanOutProgress::Going | FanOutProgress::Failed, _, _) => {
                // There is a request for more when there are more to release.
                self.release(id, 1);
                return;
            }
        };
        // What ends later in this batch only ends. What was to be released stays where it is.
        fan_out.ended = true;
        self.changes.releases.remove(&id);
        self.ended_fan_outs.push(EndedFanOut { fan_out: id, end });
    }

    /// Lets as many of the items that stand back be claimed as there is room for, at most so many.
    /// Returns how many.
    pub(super) fn release(&mut self, id: JobId, most: u32) -> u32 {
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return 0;
        };
        let count = fan_out.counters.to_release().min(most);
        if count > 0 {
            fan_out.counters.released += count;
            fan_out.changed = true;
            self.claimable_in.insert(Duration::ZERO);
            *self.changes.releases.entry(id).or_default() += count;
        }
        count
    }
}

/// The decision about an item, as the engine words it for a step's own job.
fn action(job: JobRef, decision: ItemDecision) -> Action {
    match decision {
        ItemDecision::Complete => Action::CompleteJob { job },
        ItemDecision::Retry {
            progress,
            delay,
            timeout,
            max_attempts,
            error,
        } => Action::RetryJob {
            job,
            progress,
            delay,
            timeout,
            max_attempts,
            error,
        },
        ItemDecision::Rescue => Action::RescueJob { job },
        ItemDecision::Fail { error } => Action::FailJob { job, error },
    }
}
