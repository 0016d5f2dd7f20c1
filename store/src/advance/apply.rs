//! Carries out in memory what the engine asks for.

use std::time::Duration;

use mobius_engine::{Action, NewJob, Transition};
use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};

use super::{Ledger, Moved, Settlement, frames, millis};
use crate::jobs::{JobRow, push_new};

impl Ledger<'_> {
    /// Notes the new state of a run and all that follows from it. `cause` is the end of a job that
    /// led to it.
    pub(super) fn carry_out(
        &mut self,
        id: RunId,
        transition: Transition,
        cause: Option<&Settlement>,
    ) -> Moved {
        let needs_worker = transition.actions.iter().any(needs_worker);
        if let Some(run) = self
            .runs
            .get_mut(&id)
            .filter(|run| run.state != transition.state)
        {
            run.state = transition.state;
            run.changed = true;
        }
        let mut moved = Moved::default();
        for action in transition.actions {
            self.apply(id, action, cause, &mut moved);
        }
        self.restate(id, needs_worker);
        moved
    }

    fn apply(&mut self, run: RunId, action: Action, cause: Option<&Settlement>, moved: &mut Moved) {
        let changes = &mut self.changes;
        match action {
            Action::EnqueueJob(job) => {
                if !job.server {
                    moved.claimable_in = Some(Duration::ZERO);
                }
                self.enqueue(run, job);
            }
            Action::StartTimer { job, fires_at } => changes.timers.start(run, job, fires_at),
            Action::StopTimer { job } => changes.timers.stop(run, job.visit),
            Action::ConsumeSignal { signal, job } => {
                changes.signals.consume(run, signal, job);
                if let Some(run) = self.runs.get_mut(&run) {
                    run.signals.retain(|stored| stored.id != signal);
                }
            }
            Action::OpenInteraction(new) => changes.interactions.open(run, new),
            Action::CloseInteraction { job } => {
                changes.interactions.close(run, job.visit);
                self.interactions
                    .retain(|_, open| open.run != run || open.job.visit != job.visit);
            }
            Action::StopJobs => self.stop(run),
            Action::CompleteRun { result } => {
                self.end_run(run, WorkflowRunStatus::Completed, |run| {
                    run.result = Some(result);
                })
            }
            Action::FailRun { error } => self.end_run(run, WorkflowRunStatus::Failed, |run| {
                run.error_message = Some(error.message);
            }),
            Action::CompleteJob { .. }
            | Action::FailJob { .. }
            | Action::RetryJob { .. }
            | Action::RescueJob { .. } => {
                let cause = cause.expect("only the end of an attempt asks for this");
                self.end(cause, action, moved);
            }
            Action::FanOut(_) | Action::RestartFanOut { .. } | Action::StopFanOut { .. } => {
                unreachable!("no step with `each` passes validation yet")
            }
        }
    }

    /// What becomes of the job whose attempt ended.
    fn end(&mut self, cause: &Settlement, action: Action, moved: &mut Moved) {
        match action {
            Action::CompleteJob { .. } => self.end_job(cause, JobStatus::Completed, None),
            Action::FailJob { error, .. } => self.end_job(cause, JobStatus::Failed, Some(error)),
            Action::RetryJob {
                progress,
                delay,
                timeout,
                max_attempts,
                error,
                ..
            } => {
                moved.claimable_in = Some(delay);
                self.end_attempt(cause, error, delay, |job| {
                    job.progress = progress;
                    job.timeout_ms = timeout.map(millis);
                    job.max_attempts = max_attempts;
                });
            }
            Action::RescueJob { .. } => {
                moved.claimable_in = Some(Duration::ZERO);
                self.end_attempt(cause, cause.ending.lost(), Duration::ZERO, |job| {
                    // A worker that says that it stops has not fallen silent.
                    job.rescues += i32::from(cause.ending.reporter().is_none());
                    job.max_attempts += 1;
                });
            }
            Action::EnqueueJob(_)
            | Action::FanOut(_)
            | Action::RestartFanOut { .. }
            | Action::StopFanOut { .. }
            | Action::StartTimer { .. }
            | Action::StopTimer { .. }
            | Action::ConsumeSignal { .. }
            | Action::OpenInteraction(_)
            | Action::CloseInteraction { .. }
            | Action::StopJobs
            | Action::CompleteRun { .. }
            | Action::FailRun { .. } => unreachable!("`apply` deals with what ends no job"),
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
            stopped: false,
        };
        push_new(&mut self.changes.frames, &row);
        self.changes.new_jobs.push(row);
    }

    /// Everything of the run stops: what is stored with one statement later, and here what this
    /// batch has made of it so far. What the run makes after this, when it is retried, goes on.
    fn stop(&mut self, run: RunId) {
        let changes = &mut self.changes;
        changes.stopped.insert(run);
        changes.timers.forget(run);
        changes.interactions.forget(run);
        self.interactions.retain(|_, open| open.run != run);
        for row in changes.new_jobs.iter_mut().filter(|row| row.run == run) {
            if !row.stopped {
                row.stopped = true;
                push_new(&mut changes.frames, row);
            }
        }
        for job in self.jobs.values_mut().filter(|job| job.run == run) {
            if matches!(job.status, JobStatus::Pending | JobStatus::Waiting) {
                job.status = JobStatus::Failed;
            }
        }
    }

    fn end_run(
        &mut self,
        id: RunId,
        status: WorkflowRunStatus,
        record: impl FnOnce(&mut super::load::LockedRun),
    ) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.status = status;
            record(run);
        }
    }

    /// Works out where the run stands now, and tells of it when that is news.
    ///
    /// A run whose every branch waits is suspended. When one of them can go on it is queued until
    /// a worker claims a job of it, or running when it needs none.
    fn restate(&mut self, id: RunId, needs_worker: bool) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if !run.status.is_terminal() {
            run.status = match run.status {
                _ if run.state.is_parked() => WorkflowRunStatus::Suspended,
                WorkflowRunStatus::Suspended if needs_worker => WorkflowRunStatus::Queued,
                WorkflowRunStatus::Suspended => WorkflowRunStatus::Running,
                status @ (WorkflowRunStatus::Queued
                | WorkflowRunStatus::Running
                | WorkflowRunStatus::Completed
                | WorkflowRunStatus::Failed) => status,
            };
        }
        if run.is_news() {
            run.changed = true;
            frames::push_run(&mut self.changes.frames, id, run);
            run.remember_shown();
        }
    }
}

/// Whether the action makes something that a worker has to do.
const fn needs_worker(action: &Action) -> bool {
    match action {
        Action::EnqueueJob(job) => !job.server,
        Action::FanOut(fan_out) => !fan_out.server,
        Action::RestartFanOut { .. } => true,
        Action::StopFanOut { .. }
        | Action::StartTimer { .. }
        | Action::StopTimer { .. }
        | Action::ConsumeSignal { .. }
        | Action::OpenInteraction(_)
        | Action::CloseInteraction { .. }
        | Action::CompleteJob { .. }
        | Action::RetryJob { .. }
        | Action::RescueJob { .. }
        | Action::FailJob { .. }
        | Action::StopJobs
        | Action::CompleteRun { .. }
        | Action::FailRun { .. } => false,
    }
}
