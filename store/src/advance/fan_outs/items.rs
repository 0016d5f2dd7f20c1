//! The ends of items: counted beside the run, whose state is left alone.

use std::time::Duration;

use mobius_engine::{Action, FanOutProgress, ItemDecision, JobError, JobRef, settle_item};
use mobius_types::{JobId, RunId, WorkflowRunStatus};

use super::super::{Input, Ledger, Moved, Settlement, load::LockedJob};
use crate::Error;

/// A fan-out whose last item has ended, or of which too many have failed.
pub(in crate::advance) struct Over {
    pub(in crate::advance) fan_out: JobId,
    /// Why it failed, if it has.
    pub(in crate::advance) error: Option<JobError>,
}

impl Ledger<'_> {
    /// Deals with those inputs that are about items of fan-outs, before all others. `None` stands
    /// for an input that is about something else.
    pub(in crate::advance) fn take_items(
        &mut self,
        inputs: &[Input],
        jitter: fn() -> f64,
    ) -> Vec<Option<Result<Moved, Error>>> {
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
    ) -> Result<Moved, Error> {
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
        let mut moved = Moved::default();
        if goes_on {
            self.count(fan_out, index, &decision, &mut moved);
        }
        self.end(
            settlement,
            action(self.jobs[&settlement.job].job.clone(), decision),
            &mut moved,
        );
        Ok(moved)
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
    fn count(&mut self, id: JobId, index: i32, decision: &ItemDecision, moved: &mut Moved) {
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return;
        };
        match decision {
            ItemDecision::Complete => fan_out.counters.completed += 1,
            ItemDecision::Fail { .. } => fan_out.counters.failed += 1,
            ItemDecision::Retry { .. } | ItemDecision::Rescue => return,
        }
        fan_out.changed = true;
        let error = match (fan_out.counters.progress(), decision) {
            (FanOutProgress::Going, _) => return self.release(id, moved),
            (FanOutProgress::Failed, ItemDecision::Fail { error }) => Some(JobError {
                message: format!("item {index}: {}", error.message),
                ..error.clone()
            }),
            (FanOutProgress::Completed | FanOutProgress::Failed, _) => None,
        };
        // What ends later in this batch only ends. What was to be released stays where it is.
        fan_out.ended = true;
        self.changes.releases.remove(&id);
        self.over.push(Over { fan_out: id, error });
    }

    /// Lets as many of the items that stand back be claimed as there is room for.
    pub(super) fn release(&mut self, id: JobId, moved: &mut Moved) {
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return;
        };
        let count = fan_out.counters.to_release();
        if count > 0 {
            fan_out.counters.released += count;
            fan_out.changed = true;
            moved.claimable_in = Some(Duration::ZERO);
            *self.changes.releases.entry(id).or_default() += count;
        }
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
