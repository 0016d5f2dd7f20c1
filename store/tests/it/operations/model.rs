//! What a project should look like: runs of one action and then a wait, kept in memory.

use std::collections::BTreeMap;

use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};

/// In steps of the clock: a lease of 90 s, a retry's delay of 60 s, and a wait of 100 s.
const LEASE_STEPS: u32 = 3;
const DELAY_STEPS: u32 = 2;
const WAIT_STEPS: u32 = 3;
pub(super) const MAX_RETRIES: u32 = 1;
const MAX_RESCUES: u32 = 5;

/// How an attempt ended, as its worker reported it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Report {
    Completed,
    Failed,
}

#[derive(Debug)]
pub(super) struct ModelJob {
    run: RunId,
    pub(super) status: JobStatus,
    pub(super) attempt: i32,
    retries: u32,
    rescues: u32,
    /// In steps of the clock.
    claimable_at: u32,
    lease_ends_at: u32,
    /// Whether its worker is told to stop.
    pub(super) told: bool,
    /// What each attempt's worker reported, where it counted.
    reports: BTreeMap<i32, Report>,
}

impl ModelJob {
    pub(super) fn is_held(&self, attempt: i32) -> bool {
        self.status == JobStatus::Claimed && self.attempt == attempt
    }
}

/// Where a run goes on when it is retried.
#[derive(Clone, Copy, Debug)]
enum Resume {
    EnterJob,
    EnterWait,
    KeepWaiting { until: u32 },
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Job(JobId),
    Waiting { until: u32 },
    Cancelling(Resume),
    Failed(Resume),
    Completed,
}

#[derive(Debug)]
pub(super) struct ModelRun {
    stage: Stage,
    pub(super) status: WorkflowRunStatus,
    pub(super) attempt: i32,
    stored: u32,
}

/// The whole project.
#[derive(Default)]
pub(super) struct Model {
    pub(super) jobs: BTreeMap<JobId, ModelJob>,
    pub(super) runs: BTreeMap<RunId, ModelRun>,
    pub(super) now: u32,
}

impl Model {
    pub(super) fn start(&mut self, run: RunId, job: JobId) {
        let new = ModelRun {
            stage: Stage::Job(job),
            status: WorkflowRunStatus::Queued,
            attempt: 1,
            stored: 0,
        };
        self.runs.insert(run, new);
        self.add_job(run, job);
    }

    fn add_job(&mut self, run: RunId, job: JobId) {
        let new = ModelJob {
            run,
            status: JobStatus::Pending,
            attempt: 0,
            retries: 0,
            rescues: 0,
            claimable_at: self.now,
            lease_ends_at: 0,
            told: false,
            reports: BTreeMap::new(),
        };
        self.jobs.insert(job, new);
    }

    pub(super) fn claimable(&self) -> usize {
        let is_claimable = |job: &&ModelJob| self.is_claimable(job);
        self.jobs.values().filter(is_claimable).count()
    }

    fn is_claimable(&self, job: &ModelJob) -> bool {
        job.status == JobStatus::Pending && job.claimable_at <= self.now
    }

    /// The job was handed out; gives its attempt.
    pub(super) fn claim(&mut self, id: JobId) -> i32 {
        assert!(
            self.is_claimable(&self.jobs[&id]),
            "{id} was not to be claimed"
        );
        let job = self.jobs.get_mut(&id).unwrap();
        job.status = JobStatus::Claimed;
        job.attempt += 1;
        job.lease_ends_at = self.now + LEASE_STEPS;
        let run = self.runs.get_mut(&job.run).unwrap();
        if run.status == WorkflowRunStatus::Queued {
            run.status = WorkflowRunStatus::Running;
        }
        job.attempt
    }

    pub(super) fn renew(&mut self, id: JobId) {
        self.jobs.get_mut(&id).unwrap().lease_ends_at = self.now + LEASE_STEPS;
    }

    /// The jobs whose lease is over, with their attempt.
    pub(super) fn expired(&self) -> Vec<(JobId, i32)> {
        let is_over =
            |job: &ModelJob| job.status == JobStatus::Claimed && job.lease_ends_at <= self.now;
        let expired = self.jobs.iter().filter(|(_, job)| is_over(job));
        expired.map(|(id, job)| (*id, job.attempt)).collect()
    }

    /// Whether the report is accepted; and what it changes.
    pub(super) fn report(&mut self, id: JobId, attempt: i32, report: Report) -> bool {
        let job = self.jobs.get_mut(&id).unwrap();
        if !job.is_held(attempt) {
            return job.reports.get(&attempt) == Some(&report);
        }
        job.reports.insert(attempt, report);
        let run = job.run;
        let may_retry = self.is_current(id) && self.jobs[&id].retries < MAX_RETRIES;
        let job = self.jobs.get_mut(&id).unwrap();
        match report {
            Report::Completed => {
                job.status = JobStatus::Completed;
                self.job_completed(run, id);
            }
            Report::Failed if may_retry => {
                job.retries += 1;
                job.claimable_at = self.now + DELAY_STEPS;
                job.status = JobStatus::Pending;
            }
            Report::Failed => {
                job.status = JobStatus::Failed;
                self.job_failed(run, id);
            }
        }
        true
    }

    pub(super) fn rescue(&mut self, id: JobId) {
        let is_current = self.is_current(id);
        let job = self.jobs.get_mut(&id).unwrap();
        if is_current && job.rescues < MAX_RESCUES {
            job.rescues += 1;
            job.claimable_at = self.now;
            job.status = JobStatus::Pending;
        } else {
            job.status = JobStatus::Failed;
            let run = job.run;
            self.job_failed(run, id);
        }
    }

    fn is_current(&self, id: JobId) -> bool {
        let run = &self.runs[&self.jobs[&id].run];
        matches!(run.stage, Stage::Job(current) if current == id)
    }

    fn job_completed(&mut self, run: RunId, id: JobId) {
        if self.is_current(id) {
            self.enter_wait(run);
        } else {
            self.count_down(run);
        }
    }

    fn job_failed(&mut self, run: RunId, id: JobId) {
        if self.is_current(id) {
            self.fail(run, Resume::EnterJob);
        } else {
            self.count_down(run);
        }
    }

    /// A run that is being cancelled ends with the last job that a worker held.
    fn count_down(&mut self, id: RunId) {
        let held = self.held(id);
        let run = self.runs.get_mut(&id).unwrap();
        if let (Stage::Cancelling(resume), 0) = (run.stage, held) {
            self.fail(id, resume);
        }
    }

    fn held(&self, run: RunId) -> usize {
        let is_held = |job: &&ModelJob| job.run == run && job.status == JobStatus::Claimed;
        self.jobs.values().filter(is_held).count()
    }

    fn enter_wait(&mut self, id: RunId) {
        let run = self.runs.get_mut(&id).unwrap();
        if run.stored > 0 {
            run.stored -= 1;
            run.stage = Stage::Completed;
            run.status = WorkflowRunStatus::Completed;
        } else {
            let until = self.now + WAIT_STEPS;
            run.stage = Stage::Waiting { until };
            run.status = WorkflowRunStatus::Suspended;
        }
    }

    fn fail(&mut self, id: RunId, resume: Resume) {
        self.stop(id);
        let run = self.runs.get_mut(&id).unwrap();
        run.stage = Stage::Failed(resume);
        run.status = WorkflowRunStatus::Failed;
    }

    /// What nobody holds ends; what somebody holds is told.
    fn stop(&mut self, run: RunId) {
        for job in self.jobs.values_mut().filter(|job| job.run == run) {
            match job.status {
                JobStatus::Pending | JobStatus::Waiting => job.status = JobStatus::Failed,
                JobStatus::Claimed => job.told = true,
                JobStatus::Completed | JobStatus::Failed => {}
            }
        }
    }

    /// Whether the signal is accepted.
    pub(super) fn signal(&mut self, id: RunId) -> bool {
        let run = self.runs.get_mut(&id).unwrap();
        match run.stage {
            Stage::Job(_) => run.stored += 1,
            Stage::Waiting { .. } => {
                run.stage = Stage::Completed;
                run.status = WorkflowRunStatus::Completed;
            }
            Stage::Cancelling(_) | Stage::Failed(_) | Stage::Completed => return false,
        }
        true
    }

    /// Whether the cancellation is accepted.
    pub(super) fn cancel(&mut self, id: RunId) -> bool {
        let held = self.held(id);
        let run = self.runs.get_mut(&id).unwrap();
        let resume = match run.stage {
            Stage::Job(_) => Resume::EnterJob,
            Stage::Waiting { until } => Resume::KeepWaiting { until },
            Stage::Cancelling(_) => return true,
            Stage::Failed(_) | Stage::Completed => return false,
        };
        if held == 0 {
            self.fail(id, resume);
            return true;
        }
        run.stage = Stage::Cancelling(resume);
        if run.status == WorkflowRunStatus::Suspended {
            run.status = WorkflowRunStatus::Running;
        }
        self.stop(id);
        true
    }

    /// Whether the retry is accepted. `job` gives the run's new job, if it gets one.
    pub(super) fn retry(&mut self, id: RunId, job: Option<JobId>) -> bool {
        let run = self.runs.get_mut(&id).unwrap();
        let Stage::Failed(resume) = run.stage else {
            return false;
        };
        run.attempt += 1;
        match resume {
            Resume::EnterJob => {
                let job = job.unwrap();
                run.stage = Stage::Job(job);
                run.status = WorkflowRunStatus::Queued;
                self.add_job(id, job);
            }
            Resume::EnterWait => self.enter_wait(id),
            Resume::KeepWaiting { until } => {
                run.stage = Stage::Waiting { until };
                run.status = WorkflowRunStatus::Suspended;
            }
        }
        true
    }

    /// The waits that took too long fail their runs. Gives how many there were.
    pub(super) fn fire_timers(&mut self) -> usize {
        let now = self.now;
        let is_due = |run: &ModelRun| matches!(run.stage, Stage::Waiting { until } if until <= now);
        let due: Vec<RunId> = self
            .runs
            .iter()
            .filter(|(_, run)| is_due(run))
            .map(|(id, _)| *id)
            .collect();
        for id in &due {
            self.fail(*id, Resume::EnterWait);
        }
        due.len()
    }
}
