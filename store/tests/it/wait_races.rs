//! What arrives while a run begins or ends to wait for it: nothing is missed, and nothing counts
//! twice. Two replicas take part in each round.

use std::time::Duration;

use futures_util::FutureExt;
use mobius_store::Error;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::RunId;
use serde_json::{Value, json};

use crate::{
    history, invariants, race, rows,
    scenes::{joined, two_waits, wait_for_go, workflow},
};

const ROUNDS: usize = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs whose first job is claimed, one a round.
async fn claimed(tenant: &Tenant, draft: &RunDraft) -> Vec<Held> {
    tenant.start_many(draft, ROUNDS).await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    held
}

async fn count(tenant: &Tenant, sql: &'static str) -> usize {
    usize::try_from(rows::value::<i64>(tenant, sql).await).unwrap()
}

const COMPLETED: &str = "select count(*) from runs where project_id = $1 and status = 'completed'";
const CONSUMED: &str =
    "select count(*) from signals where project_id = $1 and consumed_at is not null";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_arrives_with_the_wait_is_not_missed() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let draft = workflow(json!([
        {"name": "work", "action": "work", "next": [{"step": "wait"}]},
        {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h", "store": "got"}},
    ]));
    for (round, held) in claimed(&tenant, &draft).await.into_iter().enumerate() {
        let (one, other, run) = (tenant.clone(), replica.clone(), held.job.run);
        let (settled, sent) = race::both(
            round % 2 == 0,
            async move { one.settle(held.completed(&json!(1))).await },
            async move { other.signal(run, "go", json!(round)).await },
        )
        .await;
        settled.unwrap();
        sent.unwrap();
    }
    assert_eq!(count(&tenant, COMPLETED).await, ROUNDS);
    assert_eq!(count(&tenant, CONSUMED).await, ROUNDS);
    invariants::assert_hold(&tenant).await;
    history::assert_every_run_ended_once(&tenant).await;
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_signals_that_arrive_with_two_waits_go_to_one_each() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let third = world.replica();
    let draft = RunDraft::of(two_waits());
    for (round, held) in claimed(&tenant, &draft).await.into_iter().enumerate() {
        let run = held.job.run;
        let (one, other, worker) = (tenant.clone(), replica.clone(), third.clone());
        let outcomes = race::all(
            round,
            vec![
                async move { worker.settle(held.completed(&json!(1))).await }.boxed(),
                async move { one.signal(run, "go", json!("a")).await.map(drop) }.boxed(),
                async move { other.signal(run, "go", json!("b")).await.map(drop) }.boxed(),
            ],
        )
        .await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    let fair: &str = "select count(*) from runs where project_id = $1 and status = 'completed'
        and result->'left'->>'value' in ('a', 'b') and result->'right'->>'value' in ('a', 'b')
        and result->'left' <> result->'right'";
    assert_eq!(count(&tenant, fair).await, ROUNDS);
    assert_eq!(count(&tenant, CONSUMED).await, 2 * ROUNDS);
    invariants::assert_hold(&tenant).await;
    history::assert_every_run_ended_once(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_two_branches_of_a_join_complete_it_once() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let begun = claimed(&tenant, &joined()).await;
    let runs: Vec<RunId> = begun.iter().map(|held| held.job.run).collect();
    let reports = begun
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    futures_util::future::try_join_all(reports).await.unwrap();
    let mut sides = tenant.claim("w", 2 * ROUNDS).await;
    sides.sort_by_key(|held| held.job.run);
    for (round, pair) in sides.chunks(2).enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let [left, right] = [0, 1].map(|side| pair[side].completed(&json!(side)));
        let (left, right) = race::both(
            round % 2 == 0,
            async move { one.settle(left).await },
            async move { other.settle(right).await },
        )
        .await;
        left.unwrap();
        right.unwrap();
    }
    invariants::assert_hold(&tenant).await;
    let after = tenant.claim("w", 2 * ROUNDS).await;
    assert_eq!(after.len(), runs.len());
    assert!(after.iter().all(|held| held.job.step_name == "after"));
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_timer_and_a_signal_at_once_exactly_one_takes_the_run_on() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    tenant.start_many(&wait_for_go(), ROUNDS).await;
    tenant.advance_clock(HOUR).await;
    let due = tenant.due_timers().await;
    assert_eq!(due.len(), ROUNDS);
    for (round, timer) in due.into_iter().enumerate() {
        let (one, other, run) = (tenant.clone(), replica.clone(), timer.run);
        let (fired, sent) = race::both(
            round % 2 == 0,
            async move { one.store.fire_timer(timer).await },
            async move { other.signal(run, "go", json!(round)).await },
        )
        .await;
        fired.unwrap();
        sent.unwrap();
    }
    let taken: Value = rows::value(
        &tenant,
        "select jsonb_build_object(
             'jobs', (select count(*) from jobs where project_id = $1),
             'runs', (select count(distinct run_id) from jobs where project_id = $1),
             'used', (select count(*) from jobs where project_id = $1 and step_name = 'use'))",
    )
    .await;
    let used = count(&tenant, CONSUMED).await;
    assert_eq!(taken, json!({"jobs": ROUNDS, "runs": ROUNDS, "used": used}));
    assert!(0 < used && used < ROUNDS, "one side always won: {used}");
    let left: usize = count(&tenant, "select count(*) from timers where project_id = $1").await;
    assert_eq!(left, 0);
    invariants::assert_hold(&tenant).await;
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_of_before_a_retry_fires_once_or_is_replaced() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    tenant.start_many(&wait_for_go(), ROUNDS).await;
    tenant.advance_clock(HOUR).await;
    for (round, timer) in tenant.due_timers().await.into_iter().enumerate() {
        let (one, other, run) = (tenant.clone(), replica.clone(), timer.run);
        let (retried, fired) = race::both(
            round % 2 == 0,
            async move {
                one.cancel(run).await?;
                one.retry(run).await
            },
            async move { other.store.fire_timer(timer).await },
        )
        .await;
        retried.unwrap();
        fired.unwrap();
    }
    invariants::assert_hold(&tenant).await;
    // Those whose timer came before the cancellation have left their wait; the others have their
    // old deadline again.
    tenant.fire_due().await;
    let late = tenant.claim("w", 2 * ROUNDS).await;
    assert_eq!(late.len(), ROUNDS);
    assert!(late.iter().all(|held| held.job.step_name == "late"));
    invariants::assert_hold(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_an_old_attempt_does_not_end_a_new_one() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let draft = workflow(json!([{"name": "only", "action": "echo",
        "retry": [{"max_retries": 3, "base_delay": "0s", "timeout": "30s"}]}]));
    let rounds = claimed(&tenant, &draft).await;
    tenant.advance_clock(Duration::from_secs(31)).await;
    for (round, held) in rounds.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (found, report) = (held.timed_out(), held.failed("broken"));
        let (again, ended) = race::both(
            round % 2 == 0,
            async move {
                let reported = one.settle(report).await;
                (reported, one.claim("again", 1).await)
            },
            async move { other.settle(found).await },
        )
        .await;
        let (reported, mut claimed) = again;
        assert_ne!(reported.is_ok(), ended.is_ok(), "round {round}");
        for refused in [reported.err(), ended.err()].into_iter().flatten() {
            assert!(matches!(refused, Error::LeaseLost), "{refused:?}");
        }
        let again = match claimed.pop() {
            Some(again) => again,
            None => tenant.claim_one("again").await,
        };
        assert_eq!((again.job.id, again.job.attempt), (held.job.id, 2));
        // The finding, made again late, is still about the first attempt.
        let late = replica.settle(held.timed_out()).await;
        assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
        tenant.settle(again.completed(&json!(1))).await.unwrap();
    }
    assert_eq!(count(&tenant, COMPLETED).await, ROUNDS);
    invariants::assert_hold(&tenant).await;
}
