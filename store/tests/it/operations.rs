//! Random operations on one project, compared step by step with a model in memory.
//!
//! The clock only moves in steps that stay clear of every deadline, so that the time which the
//! test itself takes decides nothing.

use std::{collections::BTreeMap, time::Duration};

use mobius_store::jobs::expired_leases;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World, spec};
use mobius_types::{JobId, JobStatus};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::history;

/// A lease of 90 s ends with the third step, a retry's delay of 60 s with the second.
const STEP: Duration = Duration::from_secs(40);
const LEASE_STEPS: u32 = 3;
const DELAY_STEPS: u32 = 2;
const MAX_RETRIES: u32 = 1;
const MAX_RESCUES: u32 = 5;

/// Fences are picked from all that were ever handed out, by an index that wraps.
#[derive(Clone, Debug)]
enum Operation {
    Start,
    Claim { most: usize },
    Heartbeat { fence: usize },
    Complete { fence: usize },
    Fail { fence: usize },
    RescueExpired,
    MoveClock,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => Just(Operation::Start),
        4 => (1..4_usize).prop_map(|most| Operation::Claim { most }),
        2 => any::<usize>().prop_map(|fence| Operation::Heartbeat { fence }),
        2 => any::<usize>().prop_map(|fence| Operation::Complete { fence }),
        2 => any::<usize>().prop_map(|fence| Operation::Fail { fence }),
        3 => Just(Operation::RescueExpired),
        4 => Just(Operation::MoveClock),
    ]
}

/// How an attempt ended, as its worker reported it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Report {
    Completed,
    Failed,
}

#[derive(Debug)]
struct ModelJob {
    status: JobStatus,
    attempt: i32,
    retries: u32,
    rescues: u32,
    /// In steps of the clock.
    claimable_at: u32,
    lease_ends_at: u32,
    /// What each attempt's worker reported, where it counted.
    reports: BTreeMap<i32, Report>,
}

impl ModelJob {
    fn is_claimable(&self, now: u32) -> bool {
        self.status == JobStatus::Pending && self.claimable_at <= now
    }

    fn is_held(&self, attempt: i32) -> bool {
        self.status == JobStatus::Claimed && self.attempt == attempt
    }

    /// Whether the report is accepted; and what it changes.
    fn report(&mut self, attempt: i32, report: Report, now: u32) -> bool {
        if !self.is_held(attempt) {
            return self.reports.get(&attempt) == Some(&report);
        }
        self.reports.insert(attempt, report);
        self.status = match report {
            Report::Completed => JobStatus::Completed,
            Report::Failed if self.retries < MAX_RETRIES => {
                self.retries += 1;
                self.claimable_at = now + DELAY_STEPS;
                JobStatus::Pending
            }
            Report::Failed => JobStatus::Failed,
        };
        true
    }

    fn rescue(&mut self, now: u32) {
        if self.rescues < MAX_RESCUES {
            self.rescues += 1;
            self.claimable_at = now;
            self.status = JobStatus::Pending;
        } else {
            self.status = JobStatus::Failed;
        }
    }
}

/// The project, as it is and as it should be.
struct Comparison {
    tenant: Tenant,
    jobs: BTreeMap<JobId, ModelJob>,
    handed_out: Vec<Held>,
    now: u32,
}

impl Comparison {
    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Start => self.start().await,
            Operation::Claim { most } => self.claim(*most).await,
            Operation::Heartbeat { fence } => self.heartbeat(*fence).await,
            Operation::Complete { fence } => self.report(*fence, Report::Completed).await,
            Operation::Fail { fence } => self.report(*fence, Report::Failed).await,
            Operation::RescueExpired => self.rescue_expired().await,
            Operation::MoveClock => {
                self.tenant.advance_clock(STEP).await;
                self.now += 1;
            }
        }
    }

    async fn start(&mut self) {
        let draft = RunDraft::of(spec(json!({
            "name": "w",
            "steps": [{"name": "only", "action": "echo",
                       "retry": [{"max_retries": MAX_RETRIES, "base_delay": "60s"}]}],
        })));
        let run = self.tenant.start(draft).await;
        let job = ModelJob {
            status: JobStatus::Pending,
            attempt: 0,
            retries: 0,
            rescues: 0,
            claimable_at: self.now,
            lease_ends_at: 0,
            reports: BTreeMap::new(),
        };
        self.jobs
            .insert(self.tenant.newest_job(run.id).await.id, job);
    }

    async fn claim(&mut self, most: usize) {
        let now = self.now;
        let waiting = self
            .jobs
            .values()
            .filter(|job| job.is_claimable(now))
            .count();
        let held = self.tenant.claim("w", most).await;
        assert_eq!(held.len(), waiting.min(most));
        for held in held {
            let job = self.jobs.get_mut(&held.job.id).unwrap();
            assert!(job.is_claimable(now), "{held:?} was not to be claimed");
            job.status = JobStatus::Claimed;
            job.attempt += 1;
            job.lease_ends_at = now + LEASE_STEPS;
            assert_eq!(held.job.attempt, job.attempt);
            self.handed_out.push(held);
        }
    }

    fn pick(&self, fence: usize) -> Option<Held> {
        let index = fence.checked_rem(self.handed_out.len())?;
        Some(self.handed_out[index].clone())
    }

    async fn heartbeat(&mut self, fence: usize) {
        let Some(held) = self.pick(fence) else { return };
        let renewed = self.tenant.heartbeat(&held).await.is_ok();
        let job = self.jobs.get_mut(&held.job.id).unwrap();
        assert_eq!(renewed, job.is_held(held.fence.attempt));
        if renewed {
            job.lease_ends_at = self.now + LEASE_STEPS;
        }
    }

    async fn report(&mut self, fence: usize, report: Report) {
        let Some(held) = self.pick(fence) else { return };
        let settlement = match report {
            Report::Completed => held.completed(&json!(1)),
            Report::Failed => held.failed("broken"),
        };
        let settled = self.tenant.settle(settlement).await;
        let job = self.jobs.get_mut(&held.job.id).unwrap();
        let accepted = job.report(held.fence.attempt, report, self.now);
        assert_eq!(settled.is_ok(), accepted, "{settled:?}, {held:?}");
    }

    async fn rescue_expired(&mut self) {
        let mut connection = self.tenant.connection().await;
        let expired = expired_leases(&mut connection, 1_000).await.unwrap();
        // Earlier cases share the database and its clock.
        let mine = expired
            .iter()
            .filter(|found| found.project == self.tenant.project);
        let mut found: Vec<_> = mine.map(|found| (found.job, found.attempt)).collect();
        found.sort();
        let now = self.now;
        let due = |job: &ModelJob| job.status == JobStatus::Claimed && job.lease_ends_at <= now;
        let expected = self.jobs.iter().filter(|(_, job)| due(job));
        let expected: Vec<_> = expected.map(|(id, job)| (*id, job.attempt)).collect();
        assert_eq!(found, expected);
        for (id, attempt) in found {
            let is_it = |held: &&Held| held.job.id == id && held.fence.attempt == attempt;
            let held = self.handed_out.iter().find(is_it).unwrap();
            self.tenant.settle(held.expired()).await.unwrap();
            self.jobs.get_mut(&id).unwrap().rescue(now);
        }
    }

    /// Every job stands where the model has it.
    async fn compare(&self) {
        let rows: Vec<(JobId, JobStatus, i32)> = sqlx::query_as(
            "select id, status, attempt from jobs where project_id = $1 order by id",
        )
        .bind(self.tenant.project.as_uuid())
        .fetch_all(&mut *self.tenant.connection().await)
        .await
        .unwrap();
        let model = self
            .jobs
            .iter()
            .map(|(id, job)| (*id, job.status, job.attempt));
        assert_eq!(rows, model.collect::<Vec<_>>());
    }
}

async fn run(tenant: Tenant, operations: &[Operation]) {
    let mut comparison = Comparison {
        tenant,
        jobs: BTreeMap::new(),
        handed_out: Vec::new(),
        now: 0,
    };
    for operation in operations {
        comparison.apply(operation).await;
        comparison.compare().await;
    }
    history::assert_dense(&comparison.tenant).await;
}

#[test]
fn random_operations_do_what_the_model_does() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::create());
    let config = Config {
        cases: 24,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let operations = proptest::collection::vec(operation(), 1..60);
    let outcome = TestRunner::new(config).run(&operations, |operations| {
        let handle = format!("case-{:08x}", rand::random::<u32>());
        runtime.block_on(async {
            let tenant = world.tenant().another_project(&handle).await;
            run(tenant, &operations).await;
        });
        Ok(())
    });
    if let Err(TestError::Fail(reason, operations)) = outcome {
        panic!("{reason}\n{operations:#?}");
    }
}
