//! What a project of runs that fan out, and of runs that wait for a child, should look like.

use std::collections::BTreeMap;

use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};

/// In steps of the clock: a lease of 90 s.
const LEASE_STEPS: u32 = 3;
const MAX_RESCUES: u32 = 5;

/// How an attempt ended, as its worker reported it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Report {
    Completed,
    Failed,
}

/// The items of a fan-out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items {
    pub(super) count: usize,
    pub(super) max_concurrency: Option<usize>,
    pub(super) max_failures: usize,
}

/// What a job is for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The one job of its run.
    Work,
    /// Waits for its items.
    FanOut(Items),
    Item {
        of: JobId,
    },
    /// Waits for a run that it has started.
    Call {
        child: RunId,
    },
}

#[derive(Debug)]
pub(super) struct ModelJob {
    run: RunId,
    kind: Kind,
    pub(super) status: JobStatus,
    pub(super) attempt: i32,
    rescues: u32,
    lease_ends_at: u32,
    /// Whether its worker is told to stop.
    told: bool,
    /// What each attempt's worker reported, where it counted.
    reports: BTreeMap<i32, Report>,
}

#[derive(Debug)]
pub(super) struct ModelRun {
    pub(super) status: WorkflowRunStatus,
    pub(super) is_cancelled: bool,
    /// The job that waits for it.
    called_by: Option<JobId>,
}

/// The whole project.
#[derive(Default)]
pub(super) struct Model {
    pub(super) jobs: BTreeMap<JobId, ModelJob>,
    pub(super) runs: BTreeMap<RunId, ModelRun>,
    pub(super) now: u32,
}

impl Model {
    pub(super) fn start(&mut self, run: RunId, called_by: Option<JobId>) {
        let new = ModelRun {
            status: WorkflowRunStatus::Queued,
            is_cancelled: false,
            called_by,
        };
        self.runs.insert(run, new);
    }

    pub(super) fn add_work(&mut self, run: RunId, job: JobId) {
        self.add(run, job, Kind::Work, JobStatus::Pending);
    }

    /// The job that waits, and behind it its items in order.
    pub(super) fn add_items(&mut self, run: RunId, jobs: &[JobId], items: Items) {
        self.add(run, jobs[0], Kind::FanOut(items), JobStatus::Waiting);
        for item in &jobs[1..] {
            self.add(run, *item, Kind::Item { of: jobs[0] }, JobStatus::Waiting);
        }
        self.release(jobs[0], items);
    }

    /// The control plane has claimed the job and started the child.
    pub(super) fn add_call(&mut self, run: RunId, job: JobId, child: RunId) {
        self.add(run, job, Kind::Call { child }, JobStatus::Claimed);
        let call = self.jobs.get_mut(&job).unwrap();
        call.attempt = 1;
        call.lease_ends_at = u32::MAX;
        self.runs.get_mut(&run).unwrap().status = WorkflowRunStatus::Running;
    }

    fn add(&mut self, run: RunId, job: JobId, kind: Kind, status: JobStatus) {
        let new = ModelJob {
            run,
            kind,
            status,
            attempt: 0,
            rescues: 0,
            lease_ends_at: 0,
            told: false,
            reports: BTreeMap::new(),
        };
        self.jobs.insert(job, new);
    }

    pub(super) fn claimable(&self) -> usize {
        let jobs = self.jobs.values();
        jobs.filter(|job| job.status == JobStatus::Pending).count()
    }

    /// The job was handed out; gives its attempt.
    pub(super) fn claim(&mut self, id: JobId) -> i32 {
        let job = self.jobs.get_mut(&id).unwrap();
        assert_eq!(job.status, JobStatus::Pending, "{id} was not to be claimed");
        job.status = JobStatus::Claimed;
        job.attempt += 1;
        job.lease_ends_at = self.now + LEASE_STEPS;
        let run = self.runs.get_mut(&job.run).unwrap();
        run.status = WorkflowRunStatus::Running;
        job.attempt
    }

    /// Whether the worker is told to stop; nothing for a fence that is over.
    pub(super) fn renew(&mut self, id: JobId, attempt: i32) -> Option<bool> {
        let job = self.jobs.get_mut(&id).unwrap();
        if job.status != JobStatus::Claimed || job.attempt != attempt {
            return None;
        }
        job.lease_ends_at = self.now + LEASE_STEPS;
        Some(job.told)
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
        if job.status != JobStatus::Claimed || job.attempt != attempt {
            return job.reports.get(&attempt) == Some(&report);
        }
        job.reports.insert(attempt, report);
        self.end(id, report);
        true
    }

    pub(super) fn rescue(&mut self, id: JobId) {
        let job = &self.jobs[&id];
        if self.goes_on(job.run) && job.rescues < MAX_RESCUES {
            let job = self.jobs.get_mut(&id).unwrap();
            job.rescues += 1;
            job.status = JobStatus::Pending;
        } else {
            self.end(id, Report::Failed);
        }
    }

    fn goes_on(&self, run: RunId) -> bool {
        let run = &self.runs[&run];
        !run.is_cancelled && !run.status.is_terminal()
    }

    /// A job that was claimed has ended.
    fn end(&mut self, id: JobId, report: Report) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.status = match report {
            Report::Completed => JobStatus::Completed,
            Report::Failed => JobStatus::Failed,
        };
        let (run, kind) = (job.run, job.kind);
        if !self.goes_on(run) {
            return self.count_down(run);
        }
        match kind {
            Kind::Work | Kind::Call { .. } => self.end_run(run, report),
            Kind::Item { of } => self.end_item(run, of),
            Kind::FanOut(_) => unreachable!("nobody claims what waits for items"),
        }
    }

    fn end_item(&mut self, run: RunId, fan_out: JobId) {
        let Kind::FanOut(items) = self.jobs[&fan_out].kind else {
            unreachable!("an item is one of a fan-out");
        };
        let failed = self.count_items(fan_out, &[JobStatus::Failed]);
        let ended = self.count_items(fan_out, &[JobStatus::Failed, JobStatus::Completed]);
        let (status, report) = if failed > items.max_failures {
            (JobStatus::Failed, Report::Failed)
        } else if ended == items.count {
            (JobStatus::Completed, Report::Completed)
        } else {
            return self.release(fan_out, items);
        };
        self.jobs.get_mut(&fan_out).unwrap().status = status;
        self.end_run(run, report);
    }

    fn count_items(&self, fan_out: JobId, among: &[JobStatus]) -> usize {
        let is_item = |job: &&ModelJob| matches!(job.kind, Kind::Item { of } if of == fan_out);
        let items = self.jobs.values().filter(is_item);
        items.filter(|job| among.contains(&job.status)).count()
    }

    /// Those that stand back go, the first ones first, as long as there is room.
    fn release(&mut self, fan_out: JobId, items: Items) {
        let busy = self.count_items(fan_out, &[JobStatus::Pending, JobStatus::Claimed]);
        let room = items.max_concurrency.unwrap_or(items.count) - busy;
        // Ids of items grow in their order.
        let is_back = |job: &&mut ModelJob| {
            matches!(job.kind, Kind::Item { of } if of == fan_out)
                && job.status == JobStatus::Waiting
        };
        for job in self.jobs.values_mut().filter(is_back).take(room) {
            job.status = JobStatus::Pending;
        }
    }

    /// A run that is being cancelled ends with the last job that somebody held.
    fn count_down(&mut self, run: RunId) {
        if !self.runs[&run].status.is_terminal() && self.held(run) == 0 {
            self.end_run(run, Report::Failed);
        }
    }

    fn held(&self, run: RunId) -> usize {
        let is_held = |job: &&ModelJob| job.run == run && job.status == JobStatus::Claimed;
        self.jobs.values().filter(is_held).count()
    }

    /// The run has ended, and so has the job that waits for it.
    fn end_run(&mut self, id: RunId, report: Report) {
        self.stop(id);
        let run = self.runs.get_mut(&id).unwrap();
        run.status = match report {
            Report::Completed => WorkflowRunStatus::Completed,
            Report::Failed => WorkflowRunStatus::Failed,
        };
        // A child that is retried goes on for its own sake.
        let waits = |call: &JobId| self.jobs[call].status == JobStatus::Claimed;
        if let Some(call) = run.called_by.filter(waits) {
            self.end(call, report);
        }
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

    /// Whether the retry is accepted. What the run begins with again is added by the caller.
    pub(super) fn retry(&mut self, id: RunId) -> bool {
        let run = self.runs.get_mut(&id).unwrap();
        if run.status != WorkflowRunStatus::Failed {
            return false;
        }
        run.status = WorkflowRunStatus::Queued;
        run.is_cancelled = false;
        true
    }

    /// What has completed stays so, also what did after the run had failed; everything else is
    /// done again, whoever still holds it.
    pub(super) fn restart_items(&mut self, run: RunId, items: Items) {
        let (fan_out, job) = self
            .jobs
            .iter_mut()
            .find(|(_, job)| job.run == run && matches!(job.kind, Kind::FanOut(_)))
            .unwrap();
        job.status = JobStatus::Waiting;
        let fan_out = *fan_out;
        let again = self
            .jobs
            .values_mut()
            .filter(|job| job.run == run && matches!(job.kind, Kind::Item { .. }))
            .filter(|job| job.status != JobStatus::Completed);
        for job in again {
            job.status = JobStatus::Waiting;
            job.told = false;
            job.rescues = 0;
        }
        if self.count_items(fan_out, &[JobStatus::Completed]) == items.count {
            self.jobs.get_mut(&fan_out).unwrap().status = JobStatus::Completed;
            self.end_run(run, Report::Completed);
        } else {
            self.release(fan_out, items);
        }
    }

    /// Whether the cancellation is accepted. It goes down to the child.
    pub(super) fn cancel(&mut self, id: RunId) -> bool {
        let run = self.runs.get_mut(&id).unwrap();
        if run.status.is_terminal() {
            return false;
        }
        if run.is_cancelled {
            return true;
        }
        run.is_cancelled = true;
        self.stop(id);
        let children: Vec<RunId> = self
            .jobs
            .values()
            .filter(|job| job.run == id && job.status == JobStatus::Claimed)
            .filter_map(|job| match job.kind {
                Kind::Call { child } => Some(child),
                Kind::Work | Kind::FanOut(_) | Kind::Item { .. } => None,
            })
            .collect();
        for child in children {
            self.cancel(child);
        }
        self.count_down(id);
        true
    }
}
