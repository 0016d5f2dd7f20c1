//! A cancellation against a retry of the same run, at one replica and at two.

use mobius_store::Error;
use mobius_test_support::factories::{Tenant, World};
use mobius_types::RunId;
use serde_json::json;

use crate::{fan_outs::each, history, invariants, race, rows, scenes::workflow};

const ROUNDS: usize = 1_000;

/// Runs that have failed with what one worker reported; each had so many jobs claimed.
async fn failed(tenant: &Tenant, items: bool) -> Vec<RunId> {
    let draft = if items {
        each(json!([1, 2]), json!({"max_concurrency": 1}))
    } else {
        workflow(json!([{"name": "only", "action": "work"}]))
    };
    let runs = tenant.start_many(&draft, ROUNDS).await;
    tenant.catch_up().await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    let reports = held.iter().map(|held| tenant.settle(held.failed("broken")));
    futures_util::future::try_join_all(reports).await.unwrap();
    runs.into_iter().map(|run| run.id).collect()
}

/// Each run either goes on as a whole or has ended as a whole.
async fn race_retries(world: &World, other: Tenant, items: bool) {
    let tenant = world.tenant().clone();
    let mut goes_on = 0;
    for (round, run) in failed(&tenant, items).await.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), other.clone());
        let (retried, cancelled) = race::both(
            round % 2 == 0,
            async move { one.retry(run).await },
            async move { other.cancel(run).await },
        )
        .await;
        retried.unwrap();
        match cancelled {
            Ok(()) => {}
            Err(Error::RunEnded) => goes_on += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(
        0 < goes_on && goes_on < ROUNDS,
        "one side always won: {goes_on}"
    );
    tenant.catch_up().await;
    invariants::assert_hold(&tenant).await;
    // What goes on can be finished, and there is nothing else to do.
    let mut done = 0;
    loop {
        tenant.catch_up().await;
        let held = tenant.claim("v", ROUNDS).await;
        if held.is_empty() {
            break;
        }
        done += held.len();
        let reports = held
            .iter()
            .map(|held| tenant.settle(held.completed(&json!(1))));
        futures_util::future::try_join_all(reports).await.unwrap();
    }
    assert_eq!(done, goes_on * if items { 2 } else { 1 });
    let completed: i64 = rows::value(
        &tenant,
        "select count(*) from runs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(usize::try_from(completed).unwrap(), goes_on);
    let live: i64 = rows::value(
        &tenant,
        "select (select count(*) from jobs where project_id = $1
                 and status not in ('completed', 'failed'))
              + (select count(*) from fan_outs where project_id = $1 and ended_at is null)",
    )
    .await;
    assert_eq!(live, 0);
    invariants::assert_hold(&tenant).await;
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_retried_and_cancelled_at_one_replica_goes_on_or_not() {
    let world = World::create().await;
    race_retries(&world, world.tenant().clone(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_retried_and_cancelled_at_two_replicas_goes_on_or_not() {
    let world = World::create().await;
    race_retries(&world, world.replica(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_are_retried_and_cancelled_at_one_replica_go_on_or_not() {
    let world = World::create().await;
    race_retries(&world, world.tenant().clone(), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_are_retried_and_cancelled_at_two_replicas_go_on_or_not() {
    let world = World::create().await;
    race_retries(&world, world.replica(), true).await;
}
