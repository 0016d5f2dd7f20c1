//! Children: runs that a job of another run starts and waits for.
//!
//! A child is started in the transaction that claims the job for the control plane, and nothing
//! else locks a parent and its child together: what the one means for the other is dealt with in
//! a transaction of its own, after the commit.

use mobius_engine::JobError;
use mobius_types::{EventType, JobId, JobStatus, RunId, WorkflowRunStatus};

use super::{
    Ending, Input, Ledger, Moved, Outcome, Settlement,
    changes::ServerClaim,
    frames,
    load::{ChildStart, invalid},
};
use crate::{
    Error,
    runs::{NewRun, plan},
};

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
    ) -> Result<Moved, Error> {
        let Some(start) = self.child_starts.remove(&id) else {
            return Ok(Moved::IDLE);
        };
        let Some(attempt) = self.claim(id) else {
            return Ok(Moved::IDLE);
        };
        if let Some(run) = self.runs.get_mut(&run)
            && run.status == WorkflowRunStatus::Queued
        {
            run.status = WorkflowRunStatus::Running;
        }
        self.restate(run, false);
        let mut moved = Moved::default();
        let begun = start.and_then(|start| self.begin(&start, &mut moved));
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
            Ok(_) => Ok(moved),
            Err(error) => {
                let outcome = Outcome::Failed {
                    error_type: Some(error.kind),
                    message: Some(error.message),
                };
                self.settle(&served(id, attempt, outcome), jitter)
            }
        }
    }

    /// The attempt that the control plane begins with the job.
    fn claim(&mut self, id: JobId) -> Option<i32> {
        let job = self.jobs.get_mut(&id)?;
        if job.status != JobStatus::Pending {
            return None;
        }
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

    fn begin(&mut self, start: &ChildStart, moved: &mut Moved) -> Result<RunId, JobError> {
        let ChildStart {
            saved,
            start,
            parent,
        } = start;
        let planned = plan(saved, start, Some(*parent), self);
        let (new, begun): (NewRun, Moved) = planned.map_err(|error| invalid(&error.to_string()))?;
        *moved = begun;
        let id = new.wire.id;
        self.changes.new_runs.push(new);
        Ok(id)
    }

    /// The child that a job waits for has ended, and so has the job. Nothing happens when the job
    /// does not wait for it any more, or when somebody has retried the child meanwhile.
    pub(super) fn child_ended(
        &mut self,
        id: JobId,
        child: RunId,
        jitter: fn() -> f64,
    ) -> Result<Moved, Error> {
        let waits = self
            .jobs
            .get(&id)
            .filter(|job| job.status == JobStatus::Claimed && job.child == Some(child));
        match (
            waits.map(|job| job.attempt),
            self.child_outcomes.get(&child),
        ) {
            (Some(attempt), Some(outcome)) => {
                let settlement = served(id, attempt, outcome.clone());
                self.settle(&settlement, jitter)
            }
            (Some(_) | None, _) => Ok(Moved::IDLE),
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
        if !matches!(cause.ending, Ending::Served { .. }) {
            self.next.push(cancel(child, job.run));
        }
    }
}

/// What a parent does with a child that it needs no more.
pub(crate) fn cancel(child: RunId, parent: RunId) -> Input {
    Input::Cancel {
        run: child,
        by: format!("its parent run {parent}"),
    }
}

const fn served(job: JobId, attempt: i32, outcome: Outcome) -> Settlement {
    Settlement {
        job,
        ending: Ending::Served { attempt, outcome },
    }
}
