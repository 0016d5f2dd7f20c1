//! Random operations on one project, compared step by step with a model in memory.
//!
//! The clock only moves in steps that stay clear of every deadline, so that the time which the
//! test itself takes decides nothing.

mod model;
mod tree_model;
mod trees;

use std::time::Duration;

use mobius_store::jobs::expired_leases;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{history, invariants, scenes::workflow};
use model::{MAX_RETRIES, Model, Report};

/// A lease of 90 s ends with the third step, a wait of 100 s too, a retry's delay of 60 s with the
/// second.
const STEP: Duration = Duration::from_secs(40);

/// Fences and runs are picked from all that there ever were, by an index that wraps.
#[derive(Clone, Debug)]
enum Operation {
    Start,
    Claim { most: usize },
    Heartbeat { fence: usize },
    Complete { fence: usize },
    Fail { fence: usize },
    Signal { run: usize },
    Cancel { run: usize },
    Retry { run: usize },
    RescueExpired,
    FireTimers,
    MoveClock,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => Just(Operation::Start),
        4 => (1..4_usize).prop_map(|most| Operation::Claim { most }),
        2 => any::<usize>().prop_map(|fence| Operation::Heartbeat { fence }),
        3 => any::<usize>().prop_map(|fence| Operation::Complete { fence }),
        2 => any::<usize>().prop_map(|fence| Operation::Fail { fence }),
        2 => any::<usize>().prop_map(|run| Operation::Signal { run }),
        2 => any::<usize>().prop_map(|run| Operation::Cancel { run }),
        3 => any::<usize>().prop_map(|run| Operation::Retry { run }),
        3 => Just(Operation::RescueExpired),
        3 => Just(Operation::FireTimers),
        4 => Just(Operation::MoveClock),
    ]
}

/// One action, which is tried again once after a minute, and then a wait.
fn draft() -> RunDraft {
    workflow(json!([
        {"name": "work", "action": "work", "next": [{"step": "wait"}],
         "retry": [{"max_retries": MAX_RETRIES, "base_delay": "60s"}]},
        {"name": "wait", "wait_signal": {"topic": "go", "timeout": "100s"}},
    ]))
}

/// The project, as it is and as it should be.
struct Comparison {
    tenant: Tenant,
    model: Model,
    runs: Vec<RunId>,
    handed_out: Vec<Held>,
}

impl Comparison {
    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Start => self.start().await,
            Operation::Claim { most } => self.claim(*most).await,
            Operation::Heartbeat { fence } => self.heartbeat(*fence).await,
            Operation::Complete { fence } => self.report(*fence, Report::Completed).await,
            Operation::Fail { fence } => self.report(*fence, Report::Failed).await,
            Operation::Signal { run } => self.signal(*run).await,
            Operation::Cancel { run } => self.cancel(*run).await,
            Operation::Retry { run } => self.retry(*run).await,
            Operation::RescueExpired => self.rescue_expired().await,
            Operation::FireTimers => {
                let fired = self.tenant.fire_due().await;
                assert_eq!(fired, self.model.fire_timers());
            }
            Operation::MoveClock => {
                self.tenant.advance_clock(STEP).await;
                self.model.now += 1;
            }
        }
    }

    async fn start(&mut self) {
        let run = self.tenant.start(draft()).await.id;
        let job = self.tenant.newest_job(run).await.id;
        self.model.start(run, job);
        self.runs.push(run);
    }

    async fn claim(&mut self, most: usize) {
        let waiting = self.model.claimable();
        let held = self.tenant.claim("w", most).await;
        assert_eq!(held.len(), waiting.min(most));
        for held in held {
            assert_eq!(held.job.attempt, self.model.claim(held.job.id));
            self.handed_out.push(held);
        }
    }

    fn pick(&self, fence: usize) -> Option<Held> {
        let index = fence.checked_rem(self.handed_out.len())?;
        Some(self.handed_out[index].clone())
    }

    fn pick_run(&self, run: usize) -> Option<RunId> {
        let index = run.checked_rem(self.runs.len())?;
        Some(self.runs[index])
    }

    async fn heartbeat(&mut self, fence: usize) {
        let Some(held) = self.pick(fence) else { return };
        let renewed = self.tenant.heartbeat(&held).await.ok();
        let job = &self.model.jobs[&held.job.id];
        let expected = job.is_held(held.fence.attempt).then_some(job.told);
        assert_eq!(renewed.map(|heartbeat| heartbeat.should_cancel), expected);
        if renewed.is_some() {
            self.model.renew(held.job.id);
        }
    }

    async fn report(&mut self, fence: usize, report: Report) {
        let Some(held) = self.pick(fence) else { return };
        let settlement = match report {
            Report::Completed => held.completed(&json!(1)),
            Report::Failed => held.failed("broken"),
        };
        let settled = self.tenant.settle(settlement).await;
        let accepted = self.model.report(held.job.id, held.fence.attempt, report);
        assert_eq!(settled.is_ok(), accepted, "{settled:?}, {held:?}");
    }

    async fn signal(&mut self, run: usize) {
        let Some(run) = self.pick_run(run) else {
            return;
        };
        let sent = self.tenant.signal(run, "go", json!(1)).await;
        assert_eq!(sent.is_ok(), self.model.signal(run), "{sent:?}");
    }

    async fn cancel(&mut self, run: usize) {
        let Some(run) = self.pick_run(run) else {
            return;
        };
        let cancelled = self.tenant.cancel(run).await;
        assert_eq!(cancelled.is_ok(), self.model.cancel(run), "{cancelled:?}");
    }

    async fn retry(&mut self, run: usize) {
        let Some(run) = self.pick_run(run) else {
            return;
        };
        let retried = self.tenant.retry(run).await;
        let newest = self.tenant.newest_job(run).await.id;
        let new = (!self.model.jobs.contains_key(&newest)).then_some(newest);
        assert_eq!(retried.is_ok(), self.model.retry(run, new), "{retried:?}");
    }

    async fn rescue_expired(&mut self) {
        let mut connection = self.tenant.connection().await;
        let expired = expired_leases(&mut connection, &[], 1_000).await.unwrap();
        // Earlier cases share the database and its clock.
        let mine = expired
            .iter()
            .filter(|found| found.project == self.tenant.project);
        let mut found: Vec<_> = mine.map(|found| (found.job, found.attempt)).collect();
        found.sort();
        assert_eq!(found, self.model.expired());
        for (id, attempt) in found {
            let is_it = |held: &&Held| held.job.id == id && held.fence.attempt == attempt;
            let held = self.handed_out.iter().find(is_it).unwrap();
            self.tenant.settle(held.expired()).await.unwrap();
            self.model.rescue(id);
        }
    }

    /// Every job and every run stands where the model has it.
    async fn compare(&self) {
        let mut connection = self.tenant.connection().await;
        let jobs: Vec<(JobId, JobStatus, i32)> = sqlx::query_as(
            "select id, status, attempt from jobs where project_id = $1 order by id",
        )
        .bind(self.tenant.project.as_uuid())
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let model = self.model.jobs.iter();
        let model = model.map(|(id, job)| (*id, job.status, job.attempt));
        assert_eq!(jobs, model.collect::<Vec<_>>());
        let runs: Vec<(RunId, WorkflowRunStatus, i32)> = sqlx::query_as(
            "select id, status, attempt from runs where project_id = $1 order by id",
        )
        .bind(self.tenant.project.as_uuid())
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let model = self.model.runs.iter();
        let model = model.map(|(id, run)| (*id, run.status, run.attempt));
        assert_eq!(runs, model.collect::<Vec<_>>());
    }
}

async fn run(tenant: Tenant, operations: &[Operation]) {
    let mut comparison = Comparison {
        tenant,
        model: Model::default(),
        runs: Vec::new(),
        handed_out: Vec::new(),
    };
    for operation in operations {
        comparison.apply(operation).await;
        comparison.compare().await;
    }
    invariants::assert_hold(&comparison.tenant).await;
    history::assert_dense(&comparison.tenant).await;
}

#[test]
fn random_operations_do_what_the_model_does() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::create());
    let config = Config {
        cases: 48,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let operations = proptest::collection::vec(operation(), 1..80);
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
