//! Children: runs that a job of another run starts and waits for.
//!
//! A child is started in the transaction that claims the job for the control plane. What the one
//! means for the other after that is noted (`child_tasks`) and dealt with in a transaction of its
//! own, after the commit: runs are locked by their ids and before any job, so a transaction that
//! moves a run can't take up another one on the way.

use mobius_engine::JobError;
use mobius_types::{EventType, JobId, JobStatus, RunId, WorkflowRunStatus};

use super::{
    Ending, Input, Ledger, Outcome, Settlement,
    changes::{ChildTask, ChildTaskKind, ServerClaim},
    frames,
    load::{ChildStart, invalid},
};
use crate::{Error, runs::plan};

/// Who claims jobs of the control plane.
const MOBIUS: &str = "mobius";

impl Ledger<'_> {
    /// Claims a job for the control plane, and starts the child that it is to wait for. Nothing
    /// happens when it was claimed before, or does not wait any more.
    pub(super) fn start_child(
        &mut self,
        run: RunId,
        id: JobId,
        jitter: fn() -> f64,
    ) -> Result<(), Error> {
        let Some(start) = self.child_starts.remove(&id) else {
            return Ok(());
        };
        let job = self.jobs.get(&id);
        if job.is_none_or(|job| job.status != JobStatus::Pending) {
            return Ok(());
        }
        let begun = match start {
            Ok(start) => self.begin(&start)?,
            Err(error) => Err(error),
        };
        let Some(attempt) = self.claim(id) else {
            return Ok(());
        };
        if let Some(run) = self.runs.get_mut(&run)
            && run.status == WorkflowRunStatus::Queued
        {
            run.status = WorkflowRunStatus::Running;
        }
        self.restate(run, false);
        let child = begun.as_ref().ok().copied();
        self.changes.claims.push(ServerClaim {
            job: id,
            attempt,
            child,
        });
        if let Some(job) = self.jobs.get_mut(&id) {
            job.child = child;
        }
        match begun {
            Ok(_) => Ok(()),
            Err(error) => self.settle(&refused(id, attempt, error), jitter),
        }
    }

    /// The attempt that the control plane begins with the job.
    fn claim(&mut self, id: JobId) -> Option<i32> {
        let job = self.jobs.get_mut(&id)?;
        job.status = JobStatus::Claimed;
        job.attempt += 1;
        job.worker = Some(MOBIUS.to_owned());
        job.actor = None;
        job.claimed_at = Some(self.now);
        let frame = frames::of_job(job);
        let run = job.run;
        let attempt = job.attempt;
        self.changes.frames.push(run, EventType::JobUpdated, frame);
        Some(attempt)
    }

    /// Starts the child, unless its workflow does not take the inputs.
    fn begin(&mut self, start: &ChildStart) -> Result<Result<RunId, JobError>, Error> {
        let ChildStart {
            saved,
            start,
            parent,
        } = start;
        let new = match plan(saved, start, Some(*parent), self) {
            Ok(new) => new,
            Err(Error::Invalid(problems)) => return Ok(Err(invalid(&problems.to_string()))),
            Err(error) => return Err(error),
        };
        let id = new.wire.id;
        self.changes.new_runs.push(new);
        Ok(Ok(id))
    }

    /// The child that a job waits for has ended, and so has the job. Nothing happens when the job
    /// does not wait for it any more, or when somebody has retried the child meanwhile.
    pub(super) fn child_ended(
        &mut self,
        id: JobId,
        child: RunId,
        jitter: fn() -> f64,
    ) -> Result<(), Error> {
        if self.child_outcomes.contains_key(&child) {
            self.done_tasks.push((child, false));
        }
        let waits = self
            .jobs
            .get(&id)
            .filter(|job| job.status == JobStatus::Claimed && job.child == Some(child));
        match (
            waits.map(|job| job.attempt),
            self.child_outcomes.get(&child),
        ) {
            (Some(attempt), Some(outcome)) => {
                let settlement = match outcome.clone() {
                    Ok(outcome) => served(id, attempt, outcome),
                    Err(error) => refused(id, attempt, error),
                };
                self.settle(&settlement, jitter)
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// The attempt of a job has ended, and not because its child has: nobody needs that any more.
    pub(super) fn leave_child(&mut self, cause: &Settlement) {
        let Some(job) = self.jobs.get_mut(&cause.job) else {
            return;
        };
        let Some(child) = job.child.take() else {
            return;
        };
        let kind = match cause.ending {
            // The child has ended by itself.
            Ending::Served { .. } | Ending::Refused { .. } => return,
            Ending::Reported { .. } | Ending::LeaseExpired { .. } | Ending::TimedOut { .. } => {
                ChildTaskKind::Cancel { parent: job.run }
            }
        };
        let job = cause.job;
        self.changes
            .child_tasks
            .push(ChildTask { child, job, kind });
    }
}

/// What a parent does with a child that it needs no more.
pub(crate) fn cancel(child: RunId, parent: RunId) -> Input {
    Input::Cancel {
        run: child,
        by: format!("its parent run {parent}"),
    }
}

const fn refused(job: JobId, attempt: i32, error: JobError) -> Settlement {
    Settlement {
        job,
        ending: Ending::Refused { attempt, error },
    }
}

const fn served(job: JobId, attempt: i32, outcome: Outcome) -> Settlement {
    Settlement {
        job,
        ending: Ending::Served { attempt, outcome },
    }
}
