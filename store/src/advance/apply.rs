//! Carries out in memory what the engine asks for.

use std::time::Duration;

use mobius_engine::{Action, JobRef, NewJob, Transition};
use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};

use super::{
    Input, Ledger, Settlement,
    changes::{Changes, ChildTask, ChildTaskKind},
    fan_outs::LiveFanOut,
    frames, millis,
};
use crate::{
    jobs::{JobRow, push_new},
    limits::JobTerms,
};

impl Ledger<'_> {
    /// Notes all that follows from the new state of a run. `cause` is the end of a job that
    /// led to it.
    pub(super) fn carry_out(
        &mut self,
        id: RunId,
        transition: Transition,
        cause: Option<&Settlement>,
    ) {
        self.note(id, transition, cause);
        self.make_first_items();
    }

    /// Like [`Self::carry_out`], but leaves the items of new fan-outs to be made.
    pub(super) fn note(&mut self, id: RunId, transition: Transition, cause: Option<&Settlement>) {
        let needs_worker = transition.actions.iter().any(needs_worker);
        for action in transition.actions {
            self.apply(id, action, cause);
        }
        self.restate(id, needs_worker);
    }

    fn apply(&mut self, run: RunId, action: Action, cause: Option<&Settlement>) {
        let changes = &mut self.changes;
        match action {
            Action::EnqueueJob(job) => self.enqueue(run, job),
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
                self.end(cause, action);
            }
            Action::FanOut(new) => self.fan_out(run, new),
            Action::RestartFanOut { job } => changes.restarted.push((run, job.visit)),
            Action::StopFanOut { job } => self.stop_fan_out(run, &job),
        }
    }

    /// What becomes of the job whose attempt ended.
    pub(super) fn end(&mut self, cause: &Settlement, action: Action) {
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
                self.claimable_in.insert(delay);
                self.end_attempt(cause, error, delay, |job| {
                    job.progress = progress;
                    job.timeout_ms = timeout.map(millis);
                    job.max_attempts = max_attempts;
                });
            }
            Action::RescueJob { .. } => {
                self.claimable_in.insert(Duration::ZERO);
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
        let row = JobRow {
            id: JobId::generate(),
            run,
            queue: self.queue_of(run),
            terms: self.terms_of(run),
            job,
            item: None,
            waits: false,
            claim: None,
            error: None,
        };
        if row.job.server {
            let job = row.id;
            self.next.push(Input::StartChild { run, job });
        }
        push_new(&mut self.changes.frames, &row);
        self.changes.new_jobs.push(row);
    }

    pub(super) fn queue_of(&self, run: RunId) -> String {
        let run = self.runs.get(&run);
        run.map(|run| run.queue.clone()).unwrap_or_default()
    }

    pub(super) fn terms_of(&self, run: RunId) -> JobTerms {
        self.runs.get(&run).map(|run| run.terms).unwrap_or_default()
    }

    /// The items of one fan-out stop.
    fn stop_fan_out(&mut self, run: RunId, job: &JobRef) {
        let of_run = |fan_out: &LiveFanOut| fan_out.run == run && fan_out.job == *job;
        let found = self
            .fan_outs
            .iter_mut()
            .find(|(_, fan_out)| of_run(fan_out));
        let Some((id, fan_out)) = found else {
            return;
        };
        let id = *id;
        fan_out.ended = true;
        fan_out.changed = true;
        self.changes.releases.remove(&id);
        let place = self.changes.frames.next_place(run);
        self.changes.stopped_fan_outs.entry(id).or_insert(place);
        let is_item = |item: Option<(JobId, i32)>| item.is_some_and(|(parent, _)| parent == id);
        self.changes
            .stop_new("the step has failed", |row| is_item(row.item));
    }

    /// Everything of the run stops: what is stored with one statement later, and here what this
    /// batch has made of it so far. What the run makes after this, when it is retried, goes on.
    fn stop(&mut self, run: RunId) {
        let changes = &mut self.changes;
        // What is stored stops once: later in the batch there is only what the batch has made.
        let place = changes.frames.next_place(run);
        changes.stopped.entry(run).or_insert(place);
        changes.restarted.retain(|(of, _)| *of != run);
        changes.timers.forget(run);
        changes.interactions.forget(run);
        self.interactions.retain(|_, open| open.run != run);
        changes.stop_new("the run has ended", |row| row.run == run);
        for (id, fan_out) in &mut self.fan_outs {
            if fan_out.run == run && !fan_out.ended {
                fan_out.ended = true;
                fan_out.changed = true;
                changes.releases.remove(id);
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
            if let Some(job) = run.parent_job {
                self.changes.child_tasks.push(ChildTask {
                    child: id,
                    job,
                    kind: ChildTaskKind::End,
                });
            }
        }
    }

    /// Works out where the run stands now, and tells of it when that is news.
    ///
    /// A run whose every branch waits is suspended. When one of them can go on it is queued until
    /// a worker claims a job of it, or running when it needs none.
    pub(super) fn restate(&mut self, id: RunId, needs_worker: bool) {
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

impl Changes {
    /// Ends those of the jobs that this batch has made.
    fn stop_new(&mut self, reason: &str, which: impl Fn(&JobRow) -> bool) {
        for row in self.new_jobs.iter_mut().filter(|row| which(row)) {
            if row.error.is_none() {
                row.stop(reason);
                push_new(&mut self.frames, row);
            }
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
