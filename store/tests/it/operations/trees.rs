//! Random operations on runs that fan out and on runs that start other runs.
//!
//! What a parent and its child mean for one another is dealt with by transactions of their own;
//! they are waited for after each operation.

use std::time::Duration;

use mobius_store::jobs::expired_leases;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::{JobId, JobStatus, RunId, WorkflowRunStatus};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::tree_model::{Items, Model, Report};
use crate::{children::calls, fan_outs::each, history, invariants, rows::of_run, scenes::workflow};

/// A lease of 90 s ends with the third step.
const STEP: Duration = Duration::from_secs(40);

/// The items of the child that fans out.
const ITEMS_OF_CHILD: Items = Items {
    count: 3,
    max_concurrency: Some(2),
    max_failures: 1,
};

/// Fences and runs are picked from all that there ever were, by an index that wraps.
#[derive(Clone, Debug)]
enum Operation {
    FanOut(Items),
    Call { fans_out: bool },
    Claim { most: usize },
    Heartbeat { fence: usize },
    Complete { fence: usize },
    Fail { fence: usize },
    Cancel { run: usize },
    Retry { run: usize },
    RescueExpired,
    MoveClock,
}

fn operation() -> impl Strategy<Value = Operation> {
    let items = (1..6_usize, prop::option::of(1..4_usize), 0..3_usize);
    let items = items.prop_map(|(count, max_concurrency, max_failures)| Items {
        count,
        max_concurrency,
        max_failures,
    });
    prop_oneof![
        2 => items.prop_map(Operation::FanOut),
        2 => any::<bool>().prop_map(|fans_out| Operation::Call { fans_out }),
        5 => (1..5_usize).prop_map(|most| Operation::Claim { most }),
        2 => any::<usize>().prop_map(|fence| Operation::Heartbeat { fence }),
        8 => any::<usize>().prop_map(|fence| Operation::Complete { fence }),
        3 => any::<usize>().prop_map(|fence| Operation::Fail { fence }),
        2 => any::<usize>().prop_map(|run| Operation::Cancel { run }),
        2 => any::<usize>().prop_map(|run| Operation::Retry { run }),
        3 => Just(Operation::RescueExpired),
        2 => Just(Operation::MoveClock),
    ]
}

fn fan_out(items: Items) -> RunDraft {
    let list: Value = (0..items.count).collect();
    let mut more = json!({"max_failures": items.max_failures});
    if let Some(most) = items.max_concurrency {
        more["max_concurrency"] = json!(most);
    }
    each(list, more)
}

/// What a run does.
#[derive(Clone, Copy, Debug)]
enum Does {
    FanOut(Items),
    Call { fans_out: bool },
    Work,
}

/// The project, as it is and as it should be.
struct Comparison {
    tenant: Tenant,
    model: Model,
    runs: Vec<(RunId, Does)>,
    handed_out: Vec<Held>,
}

impl Comparison {
    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::FanOut(items) => self.fan_out(*items).await,
            Operation::Call { fans_out } => self.call(*fans_out).await,
            Operation::Claim { most } => self.claim(*most).await,
            Operation::Heartbeat { fence } => self.heartbeat(*fence).await,
            Operation::Complete { fence } => self.report(*fence, Report::Completed).await,
            Operation::Fail { fence } => self.report(*fence, Report::Failed).await,
            Operation::Cancel { run } => self.cancel(*run).await,
            Operation::Retry { run } => self.retry(*run).await,
            Operation::RescueExpired => self.rescue_expired().await,
            Operation::MoveClock => {
                self.tenant.advance_clock(STEP).await;
                self.model.now += 1;
            }
        }
        self.tenant.catch_up_on_children().await;
    }

    async fn fan_out(&mut self, items: Items) {
        let run = self.tenant.start(fan_out(items)).await.id;
        self.model.start(run, None);
        self.add_items(run, items).await;
        self.runs.push((run, Does::FanOut(items)));
    }

    /// Tells the model of the jobs of a run that has just fanned out.
    async fn add_items(&mut self, run: RunId, items: Items) {
        let jobs = self.jobs(run).await;
        assert_eq!(jobs.len(), items.count + 1);
        self.model.add_items(run, &jobs, items);
    }

    async fn call(&mut self, fans_out: bool) {
        let workflow = if fans_out { "fan-out" } else { "work" };
        let draft = calls(json!({"workflow": workflow}), json!({}));
        let run = self.tenant.start(draft).await.id;
        self.model.start(run, None);
        self.add_call(run, fans_out).await;
        self.runs.push((run, Does::Call { fans_out }));
    }

    /// Waits for the child that the run starts, and tells the model of it.
    async fn add_call(&mut self, run: RunId, fans_out: bool) {
        self.tenant.catch_up_on_children().await;
        let newest = "select id from runs where project_id = $1 and parent_run_id = $2
                      order by id desc limit 1";
        let child: sqlx::types::Uuid = of_run(&self.tenant, run, newest).await;
        let child = RunId::from(child);
        let call = self.newest_job(run).await;
        self.model.add_call(run, call, child);
        self.model.start(child, Some(call));
        if fans_out {
            self.add_items(child, ITEMS_OF_CHILD).await;
            self.runs.push((child, Does::FanOut(ITEMS_OF_CHILD)));
        } else {
            let work = self.newest_job(child).await;
            self.model.add_work(child, work);
            self.runs.push((child, Does::Work));
        }
    }

    async fn newest_job(&self, run: RunId) -> JobId {
        self.tenant.newest_job(run).await.id
    }

    /// The jobs of a run: that of its step, and then its items in order.
    async fn jobs(&self, run: RunId) -> Vec<JobId> {
        let ids: Vec<sqlx::types::Uuid> = of_run(
            &self.tenant,
            run,
            "select array(select id from jobs where project_id = $1 and run_id = $2
                          order by coalesce(item_index, -1))",
        )
        .await;
        ids.into_iter().map(JobId::from).collect()
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

    async fn heartbeat(&mut self, fence: usize) {
        let Some(held) = self.pick(fence) else { return };
        let renewed = self.tenant.heartbeat(&held).await.ok();
        let expected = self.model.renew(held.job.id, held.fence.attempt);
        assert_eq!(renewed.map(|heartbeat| heartbeat.should_cancel), expected);
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

    fn pick_run(&self, run: usize) -> Option<(RunId, Does)> {
        let index = run.checked_rem(self.runs.len())?;
        Some(self.runs[index])
    }

    async fn cancel(&mut self, run: usize) {
        let Some((run, _)) = self.pick_run(run) else {
            return;
        };
        let cancelled = self.tenant.cancel(run).await;
        assert_eq!(cancelled.is_ok(), self.model.cancel(run), "{cancelled:?}");
    }

    async fn retry(&mut self, run: usize) {
        let Some((run, does)) = self.pick_run(run) else {
            return;
        };
        let retried = self.tenant.retry(run).await;
        assert_eq!(retried.is_ok(), self.model.retry(run), "{retried:?}");
        if retried.is_err() {
            return;
        }
        match does {
            Does::FanOut(items) => {
                self.until_released(run).await;
                self.model.restart_items(run, items);
            }
            Does::Call { fans_out } => self.add_call(run, fans_out).await,
            Does::Work => {
                let work = self.newest_job(run).await;
                self.model.add_work(run, work);
            }
        }
    }

    /// The items of a run that was retried are released by a transaction of their own.
    async fn until_released(&self, run: RunId) {
        let is_due = "select exists (select from fan_outs where project_id = $1 and run_id = $2
                                       and next_chunk_at is not null)";
        while of_run::<bool>(&self.tenant, run, is_due).await {}
    }

    async fn rescue_expired(&mut self) {
        let mut connection = self.tenant.connection().await;
        let expired = expired_leases(&mut connection, &[], 1_000).await.unwrap();
        drop(connection);
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
            let settled = self.tenant.settle(held.expired()).await;
            settled.unwrap();
            self.model.rescue(id);
        }
    }

    /// Every job and every run stands where the model has it, and what must hold does at once.
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
        let runs: Vec<(RunId, WorkflowRunStatus, bool)> = sqlx::query_as(
            "select id, status, cancel_requested from runs where project_id = $1 order by id",
        )
        .bind(self.tenant.project.as_uuid())
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let model = self.model.runs.iter();
        let model = model.map(|(id, run)| (*id, run.status, run.is_cancelled));
        assert_eq!(runs, model.collect::<Vec<_>>());
        drop(connection);
        invariants::assert_hold(&self.tenant).await;
    }
}

async fn run(tenant: Tenant, operations: &[Operation]) {
    let work = workflow(json!([{"name": "work", "action": "work"}]));
    tenant.save_workflow("work", work.spec).await;
    let spec = fan_out(ITEMS_OF_CHILD).spec;
    tenant.save_workflow("fan-out", spec).await;
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
    history::assert_dense(&comparison.tenant).await;
}

#[test]
fn random_operations_on_items_and_children_do_what_the_model_does() {
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
