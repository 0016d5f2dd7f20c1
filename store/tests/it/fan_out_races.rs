//! A cancellation against what a fan-out and a child do at the same time. Two replicas take part in
//! each round.

use mobius_store::Error;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use serde_json::json;

use crate::{
    children::{calls, double, save_double},
    fan_outs::each,
    history, invariants, race, rows,
    scenes::{completing, workflow},
};

const ROUNDS: usize = 1_000;

/// No job survives its run, and none of the runs is stuck.
async fn assert_all_ended(tenant: &Tenant) {
    assert!(tenant.claim("w", ROUNDS).await.is_empty());
    let live: i64 = rows::value(
        tenant,
        "select (select count(*) from runs where project_id = $1
                 and status not in ('completed', 'failed'))
              + (select count(*) from jobs where project_id = $1
                 and status not in ('completed', 'failed'))
              + (select count(*) from fan_outs where project_id = $1 and ended_at is null)",
    )
    .await;
    assert_eq!(live, 0);
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_survives_a_cancellation_while_the_run_fans_out() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = workflow(json!([
        {"name": "begin", "action": "begin", "next": [{"step": "map"}]},
        {"name": "map", "action": "work", "each": {"items": [1, 2, 3], "max_concurrency": 2}},
    ]));
    tenant.start_many(&draft, ROUNDS).await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    for cancelled in race::reports_against_cancellations(&world, completing(&held)).await {
        cancelled.unwrap();
    }
    assert_all_ended(tenant).await;
}

/// Runs of which one of two items is held and the other has ended or stands back.
async fn with_one_item_held(tenant: &Tenant, draft: &RunDraft) -> Vec<Held> {
    tenant.start_many(draft, ROUNDS).await;
    // A transaction that starts many runs leaves some of their items to others.
    tenant.catch_up().await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_out_whose_last_item_ends_while_the_run_is_cancelled_ends_one_way() {
    let world = World::create().await;
    let held = with_one_item_held(world.tenant(), &each(json!([1]), json!({}))).await;
    for cancelled in race::reports_against_cancellations(&world, completing(&held)).await {
        assert!(
            matches!(cancelled, Ok(()) | Err(Error::RunEnded)),
            "{cancelled:?}"
        );
    }
    assert_all_ended(world.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_is_released_after_a_cancellation() {
    let world = World::create().await;
    let draft = each(json!([1, 2]), json!({"max_concurrency": 1}));
    let held = with_one_item_held(world.tenant(), &draft).await;
    for cancelled in race::reports_against_cancellations(&world, completing(&held)).await {
        cancelled.unwrap();
    }
    assert_all_ended(world.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_two_items_that_end_together_end_the_step_once() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    tenant
        .start_many(&each(json!([1, 2]), json!({})), ROUNDS)
        .await;
    tenant.catch_up().await;
    let mut held = tenant.claim("w", 2 * ROUNDS).await;
    held.sort_by_key(|held| held.job.run.to_string());
    for (round, pair) in held.chunks(2).enumerate() {
        let (left, right) = (pair[0].clone(), pair[1].clone());
        assert_eq!(left.job.run, right.job.run);
        let (one, other) = (tenant.clone(), replica.clone());
        let (one, other) = race::both(
            round % 2 == 0,
            async move { one.settle(left.completed(&json!(1))).await },
            async move { other.settle(right.completed(&json!(1))).await },
        )
        .await;
        one.unwrap();
        other.unwrap();
    }
    let completed: i64 = rows::value(
        &tenant,
        "select count(*) from runs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(usize::try_from(completed).unwrap(), ROUNDS);
    assert_all_ended(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_ends_while_its_parent_is_cancelled_settles_its_job_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parents = tenant
        .start_many(&calls(double(1), json!({})), ROUNDS)
        .await;
    tenant.catch_up().await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    let reports = held.iter().map(|held| held.completed(&json!(1)));
    let pairs = reports.zip(parents.iter().map(|parent| parent.id));
    for cancelled in race::reports_against_cancellations(&world, pairs).await {
        assert!(
            matches!(cancelled, Ok(()) | Err(Error::RunEnded)),
            "{cancelled:?}"
        );
    }
    tenant.catch_up().await;
    assert_all_ended(tenant).await;
}
