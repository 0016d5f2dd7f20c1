//! What a batch of settlements changes, worked out in memory before anything is written.

use std::{collections::HashMap, time::Duration};

use mobius_engine::{
    Action, Event, JobError, Limits, NewJob, RetryProgress, Run, advance, result_value,
};
use mobius_types::{JobId, JobStatus, RunId, Timestamp, UserId, WorkflowRunStatus};

use super::{
    Ending, Outcome, Settled, Settlement, frames,
    load::{LockedJob, LockedRun, Replays},
    millis,
};
use crate::{
    Error,
    events::Frames,
    jobs::{Fence, JobRow, insert::push_new},
};

/// The new values of a settled job's row.
pub(super) struct JobChange {
    pub(super) id: JobId,
    /// The attempt that ended; the row must still have it.
    pub(super) attempt: i32,
    pub(super) status: JobStatus,
    pub(super) delay: Duration,
    pub(super) max_attempts: i32,
    pub(super) rescues: i32,
    pub(super) progress: RetryProgress,
    pub(super) timeout_ms: Option<i64>,
    pub(super) result: Option<Vec<u8>>,
    pub(super) error: Option<JobError>,
    /// Whether the worker's fence stays on the ended job, so that it may repeat its report.
    pub(super) keeps_fence: bool,
}

/// An attempt that another one follows.
pub(super) struct EndedAttempt {
    pub(super) job: JobId,
    pub(super) run: RunId,
    pub(super) attempt: i32,
    pub(super) worker: String,
    pub(super) reported_by: Option<UserId>,
    pub(super) error: JobError,
    pub(super) claimed_at: Timestamp,
}

/// Loaded rows, and what becomes of them.
pub(super) struct Ledger<'l> {
    pub(super) now: Timestamp,
    limits: &'l Limits,
    pub(super) runs: HashMap<RunId, LockedRun>,
    jobs: HashMap<JobId, LockedJob>,
    replays: Replays,
    pub(super) changes: Vec<JobChange>,
    pub(super) attempts: Vec<EndedAttempt>,
    pub(super) new_jobs: Vec<JobRow>,
    /// Runs whose remaining jobs have to stop.
    pub(super) stopped: Vec<RunId>,
    pub(super) frames: Frames,
}

/// Whether an ending still concerns the job's present attempt.
enum Standing {
    Current,
    /// The same worker reported the same before.
    Repeated,
    Over,
}

impl<'l> Ledger<'l> {
    pub(super) fn new(
        now: Timestamp,
        limits: &'l Limits,
        runs: HashMap<RunId, LockedRun>,
        jobs: HashMap<JobId, LockedJob>,
        replays: Replays,
    ) -> Self {
        Self {
            now,
            limits,
            runs,
            jobs,
            replays,
            changes: Vec::new(),
            attempts: Vec::new(),
            new_jobs: Vec::new(),
            stopped: Vec::new(),
            frames: Frames::default(),
        }
    }

    /// Settles one attempt. Nothing changes when it is refused.
    pub(super) fn settle(
        &mut self,
        settlement: &Settlement,
        jitter: fn() -> f64,
    ) -> Result<Settled, Error> {
        let job = self
            .jobs
            .get(&settlement.job)
            .ok_or(Error::NotFound("job"))?;
        match self.standing(job, &settlement.ending) {
            Standing::Current => {}
            Standing::Repeated => return Ok(Settled::default()),
            Standing::Over => return Err(Error::LeaseLost),
        }
        let run = self
            .runs
            .get(&job.run)
            .ok_or_else(|| Error::Corrupt(format!("the run of {} is missing", job.id)))?;
        let context = Run {
            definition: run.spec.definition(),
            inputs: &run.inputs,
            facts: &run.facts,
            limits: self.limits,
            state: &run.state,
            signals: &[],
        };
        let transition = advance(&context, event(job, &settlement.ending, jitter), self.now)
            .map_err(|rejected| Error::Corrupt(format!("{} was rejected: {rejected}", job.id)))?;
        let (id, run_id) = (job.id, job.run);
        if let Some(run) = self
            .runs
            .get_mut(&run_id)
            .filter(|run| run.state != transition.state)
        {
            run.state = transition.state;
            run.changed = true;
        }
        let mut settled = Settled::default();
        for action in transition.actions {
            self.apply(id, run_id, &settlement.ending, action, &mut settled);
        }
        Ok(settled)
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
                } else if (fits && job.status == terminal(outcome)) || self.repeats(fence, outcome)
                {
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
        }
    }

    /// Whether the failure was reported before, and another attempt followed it.
    fn repeats(&self, fence: &Fence, outcome: &Outcome) -> bool {
        let key = (fence.job, fence.attempt, fence.worker.clone(), fence.actor);
        matches!(outcome, Outcome::Failed { .. }) && self.replays.contains(&key)
    }

    fn apply(
        &mut self,
        id: JobId,
        run_id: RunId,
        ending: &Ending,
        action: Action,
        settled: &mut Settled,
    ) {
        match action {
            Action::EnqueueJob(job) => {
                settled.claimable_in = Some(Duration::ZERO);
                self.enqueue(run_id, job);
            }
            Action::CompleteJob { .. } => self.end_job(id, ending, JobStatus::Completed, None),
            Action::FailJob { error, .. } => {
                self.end_job(id, ending, JobStatus::Failed, Some(error))
            }
            Action::RetryJob {
                progress,
                delay,
                timeout,
                max_attempts,
                error,
                ..
            } => {
                settled.claimable_in = Some(delay);
                self.end_attempt(id, ending, error, delay, |job| {
                    job.progress = progress;
                    job.timeout_ms = timeout.map(millis);
                    job.max_attempts = max_attempts;
                });
            }
            Action::RescueJob { .. } => {
                settled.claimable_in = Some(Duration::ZERO);
                self.end_attempt(id, ending, frames::lost(ending), Duration::ZERO, |job| {
                    // A worker that says that it stops has not fallen silent.
                    job.rescues += i32::from(reporter(ending).is_none());
                    job.max_attempts += 1;
                });
            }
            Action::StopJobs => self.stopped.push(run_id),
            Action::FanOut(_)
            | Action::RestartFanOut { .. }
            | Action::StopFanOut { .. }
            | Action::StartTimer { .. }
            | Action::StopTimer { .. }
            | Action::ConsumeSignal { .. }
            | Action::OpenInteraction(_)
            | Action::CloseInteraction { .. } => {
                unreachable!("no step that waits passes validation yet")
            }
            Action::CompleteRun { result } => {
                self.end_run(run_id, WorkflowRunStatus::Completed, |run| {
                    run.result = Some(result)
                });
            }
            Action::FailRun { error } => {
                self.end_run(run_id, WorkflowRunStatus::Failed, |run| {
                    run.error_message = Some(error.message);
                });
            }
        }
    }

    fn enqueue(&mut self, run: RunId, job: NewJob) {
        let queue = self
            .runs
            .get(&run)
            .map(|run| run.queue.clone())
            .unwrap_or_default();
        let row = JobRow {
            id: JobId::generate(),
            run,
            queue,
            job,
        };
        push_new(&mut self.frames, &row);
        self.new_jobs.push(row);
    }

    /// The job has ended.
    fn end_job(&mut self, id: JobId, ending: &Ending, status: JobStatus, error: Option<JobError>) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        job.status = status;
        frames::push_ended(&mut self.frames, job, self.now, error.as_ref());
        let result = match ending {
            Ending::Reported {
                outcome: Outcome::Completed { result },
                ..
            } => result.clone(),
            Ending::Reported {
                outcome: Outcome::Failed { .. },
                ..
            }
            | Ending::LeaseExpired { .. }
            | Ending::TimedOut { .. } => None,
        };
        let mut change = change(job, Duration::ZERO, error);
        change.result = result;
        change.keeps_fence = reporter(ending).is_some();
        if !change.keeps_fence {
            job.actor = None;
        }
        self.changes.push(change);
    }

    /// The attempt has ended, and the job waits for the next one.
    fn end_attempt(
        &mut self,
        id: JobId,
        ending: &Ending,
        error: JobError,
        delay: Duration,
        prepare: impl FnOnce(&mut LockedJob),
    ) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        job.status = JobStatus::Pending;
        prepare(job);
        frames::push_ended(&mut self.frames, job, self.now, Some(&error));
        let reported_by = reporter(ending);
        self.attempts.push(EndedAttempt {
            job: id,
            run: job.run,
            attempt: job.attempt,
            worker: job.worker.clone().unwrap_or_default(),
            reported_by,
            error: error.clone(),
            claimed_at: job.claimed_at.unwrap_or(self.now),
        });
        self.changes.push(change(job, delay, Some(error)));
        if let (Some(actor), Some(worker)) = (reported_by, job.worker.take()) {
            // A repeated report later in this very batch must find it too.
            self.replays.insert((id, job.attempt, worker, actor));
        }
    }

    fn end_run(
        &mut self,
        id: RunId,
        status: WorkflowRunStatus,
        record: impl FnOnce(&mut LockedRun),
    ) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        run.status = status;
        run.changed = true;
        record(run);
        frames::push_run(&mut self.frames, id, run);
    }
}

/// The row of a job as it now stands in memory.
fn change(job: &LockedJob, delay: Duration, error: Option<JobError>) -> JobChange {
    JobChange {
        id: job.id,
        attempt: job.attempt,
        status: job.status,
        delay,
        max_attempts: job.max_attempts,
        rescues: job.rescues,
        progress: job.progress,
        timeout_ms: job.timeout_ms,
        result: None,
        error,
        keeps_fence: false,
    }
}

const fn if_current(holds: bool) -> Standing {
    if holds {
        Standing::Current
    } else {
        Standing::Over
    }
}

/// Where a report leads a job for good.
const fn terminal(outcome: &Outcome) -> JobStatus {
    match outcome {
        Outcome::Completed { .. } => JobStatus::Completed,
        Outcome::Failed { .. } => JobStatus::Failed,
    }
}

/// Who reported the end; nobody when the control plane ended the attempt.
const fn reporter(ending: &Ending) -> Option<UserId> {
    match ending {
        Ending::Reported { fence, .. } => Some(fence.actor),
        Ending::LeaseExpired { .. } | Ending::TimedOut { .. } => None,
    }
}

/// What the engine is told.
fn event(job: &LockedJob, ending: &Ending, jitter: fn() -> f64) -> Event {
    let failed = |error| Event::JobFailed {
        job: job.job.clone(),
        error,
        progress: job.progress,
        attempt: job.attempt,
        jitter: jitter(),
    };
    match ending {
        Ending::Reported {
            outcome: Outcome::Completed { result },
            ..
        } => Event::JobSucceeded {
            job: job.job.clone(),
            result: result_value(result.as_deref()),
        },
        // A worker that stops gives the job back: that is no failure of the action.
        Ending::Reported { outcome, .. } if frames::is_shutdown(outcome) => Event::LeaseExpired {
            job: job.job.clone(),
            rescues: 0,
        },
        Ending::Reported {
            outcome:
                Outcome::Failed {
                    error_type,
                    message,
                },
            ..
        } => failed(frames::reported(error_type.as_deref(), message.as_deref())),
        Ending::TimedOut { .. } => failed(frames::timed_out(job.timeout_ms)),
        Ending::LeaseExpired { .. } => Event::LeaseExpired {
            job: job.job.clone(),
            rescues: job.rescues,
        },
    }
}
