//! Ended attempts: whether they still count, and what becomes of their jobs.

use std::{fmt::Display, time::Duration};

use mobius_engine::JobError;
use mobius_types::JobStatus;

use super::{
    Ending, Ledger, Outcome, Settlement,
    changes::{EndedAttempt, JobChange},
    frames,
    load::{LockedJob, LockedRun},
};
use crate::{Error, jobs::Fence};

/// Whether an ending still concerns the job's present attempt.
enum Standing {
    Current,
    /// The same worker reported the same before.
    Repeated,
    Over,
}

impl Ledger<'_> {
    /// Settles one attempt. Nothing changes when it is refused.
    pub(super) fn settle(
        &mut self,
        settlement: &Settlement,
        jitter: fn() -> f64,
    ) -> Result<(), Error> {
        let job = self
            .jobs
            .get(&settlement.job)
            .ok_or(Error::NotFound("job"))?;
        match self.standing(job, &settlement.ending) {
            Standing::Current => {}
            Standing::Repeated => return Ok(()),
            Standing::Over => return Err(Error::LeaseLost),
        }
        let is_cancelling = |run: &LockedRun| run.state.is_cancelling();
        if job.item.is_some() && !self.runs.get(&job.run).is_some_and(is_cancelling) {
            return self.settle_item(settlement, jitter);
        }
        let (id, event) = (job.run, settlement.ending.event(job, jitter));
        let corrupt = |why: &dyn Display| {
            let job = settlement.job;
            Error::Corrupt(format!("the end of {job} was rejected: {why}"))
        };
        let decided = self.decide(id, event).map_err(|error| corrupt(&error))?;
        let transition = decided.map_err(|rejected| corrupt(&rejected))?;
        self.carry_out(id, transition, Some(settlement));
        Ok(())
    }

    fn standing(&self, job: &LockedJob, ending: &Ending) -> Standing {
        let is_current = job.status == JobStatus::Claimed;
        match ending {
            Ending::Reported { fence, outcome } => {
                let fits = job.attempt == fence.attempt
                    && job.worker.as_deref() == Some(&fence.worker)
                    && job.actor == Some(fence.actor);
                if fits && is_current {
                    Standing::Current
                } else if (fits && job.status == outcome.status()) || self.repeats(fence, outcome) {
                    Standing::Repeated
                } else {
                    Standing::Over
                }
            }
            Ending::LeaseExpired { attempt } => {
                let expired = job.lease_expires_at.is_some_and(|at| at <= self.now);
                if_current(is_current && job.attempt == *attempt && expired)
            }
            Ending::TimedOut { attempt } => {
                let spent = job.attempt_deadline_at.is_some_and(|at| at <= self.now);
                if_current(is_current && job.attempt == *attempt && spent)
            }
            Ending::Served { attempt, .. } | Ending::Refused { attempt, .. } => {
                if_current(is_current && job.attempt == *attempt && job.actor.is_none())
            }
        }
    }

    /// Whether the failure was reported before, and another attempt followed it.
    fn repeats(&self, fence: &Fence, outcome: &Outcome) -> bool {
        let key = (fence.job, fence.attempt, fence.worker.clone(), fence.actor);
        matches!(outcome, Outcome::Failed { .. }) && self.replays.contains(&key)
    }

    /// The job has ended.
    pub(super) fn end_job(
        &mut self,
        cause: &Settlement,
        status: JobStatus,
        error: Option<JobError>,
    ) {
        self.leave_child(cause);
        let Some(job) = self.jobs.get_mut(&cause.job) else {
            return;
        };
        job.status = status;
        frames::push_ended(&mut self.changes.frames, job, self.now, error.as_ref());
        self.changes.limits.free(job.limit);
        let mut change = JobChange::of(job, Duration::ZERO, error);
        change.result = cause.ending.result().cloned();
        change.keeps_fence = cause.ending.reporter().is_some();
        if !change.keeps_fence {
            job.actor = None;
        }
        self.changes.jobs.push(change);
    }

    /// The attempt has ended, and the job waits for the next one.
    pub(super) fn end_attempt(
        &mut self,
        cause: &Settlement,
        error: JobError,
        delay: Duration,
        prepare: impl FnOnce(&mut LockedJob),
    ) {
        self.leave_child(cause);
        let Some(job) = self.jobs.get_mut(&cause.job) else {
            return;
        };
        job.status = JobStatus::Pending;
        prepare(job);
        frames::push_ended(&mut self.changes.frames, job, self.now, Some(&error));
        let reported_by = cause.ending.reporter();
        self.changes.attempts.push(EndedAttempt {
            job: job.id,
            run: job.run,
            attempt: job.attempt,
            worker: job.worker.clone().unwrap_or_default(),
            reported_by,
            error: error.clone(),
            claimed_at: job.claimed_at.unwrap_or(self.now),
        });
        self.changes.limits.free(job.limit);
        self.changes
            .limits
            .wait(job.limit, &job.queue, &job.action, delay);
        let change = JobChange::of(job, delay, Some(error));
        self.changes.jobs.push(change);
        if let (Some(actor), Some(worker)) = (reported_by, job.worker.take()) {
            // A repeated report later in this very batch must find it too.
            self.replays.insert((job.id, job.attempt, worker, actor));
        }
    }
}

const fn if_current(holds: bool) -> Standing {
    if holds {
        Standing::Current
    } else {
        Standing::Over
    }
}
