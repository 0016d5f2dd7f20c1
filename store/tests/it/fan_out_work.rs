//! What a large fan-out costs: the same for each item however many there are, and others hardly
//! notice it.

use std::time::{Duration, Instant};

use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{fan_outs::each, rows};

/// Bytes written to the log, and new versions of rows, so far.
async fn written(tenant: &Tenant) -> (i64, i64) {
    // What this session has counted is reported at once, what others have within a second; the
    // log says it all by itself.
    let bytes = rows::value(
        tenant,
        "select (pg_current_wal_lsn() - '0/0')::bigint from projects
                                     where id = $1",
    )
    .await;
    let rows = rows::value(
        tenant,
        "select (select count(*) from jobs where project_id = $1)
              + (select coalesce(sum(attempt), 0) from jobs where project_id = $1)::bigint
              + (select count(*) from run_events where project_id = $1)",
    )
    .await;
    (bytes, rows)
}

/// Runs a fan-out from its start to its end. Returns the bytes of the log and the rows an item.
async fn work(tenant: &Tenant, items: i64) -> (i64, f64) {
    let before = written(tenant).await;
    let numbers: Vec<i64> = (0..items).collect();
    let run = tenant.start(each(json!(numbers), json!({}))).await;
    let mut done = 0;
    while done < items {
        tenant.catch_up().await;
        let held = tenant.claim("w", 500).await;
        let settled = held
            .iter()
            .map(|held| tenant.settle(held.completed(&json!(1))));
        futures_util::future::try_join_all(settled).await.unwrap();
        done += i64::try_from(held.len()).unwrap();
    }
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    let after = written(tenant).await;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rows = (after.1 - before.1) as f64 / items as f64;
    ((after.0 - before.0) / items, rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_item_costs_the_same_however_many_there_are() {
    let world = World::create().await;
    let tenant = world.tenant();
    // The first pages of tables and indexes are written anyway.
    work(tenant, 100).await;
    let few = work(tenant, 1_000).await;
    let many = work(tenant, 10_000).await;
    println!("an item of 1,000: {} bytes, {:.2} rows", few.0, few.1);
    println!("an item of 10,000: {} bytes, {:.2} rows", many.0, many.1);
    // Full images of pages after a checkpoint make it vary.
    assert!(many.0 < 2 * few.0, "{many:?} against {few:?}");
    assert!(many.1 < 1.2 * few.1, "{many:?} against {few:?}");
}

/// How long a single job of one step takes from start to end.
async fn single(tenant: &Tenant) -> Duration {
    let begun = Instant::now();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("other").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_fan_out_leaves_the_jobs_of_others_their_speed() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let other = tenant.another_project("other").await;
    let mut alone = Vec::new();
    for _ in 0..50 {
        alone.push(single(&other).await);
    }
    let large = tokio::spawn(async move { work(&tenant, 10_000).await });
    let mut beside = Vec::new();
    while !large.is_finished() {
        beside.push(single(&other).await);
    }
    large.await.unwrap();
    alone.sort();
    beside.sort();
    let (middle, late) = (beside[beside.len() / 2], beside[beside.len() * 95 / 100]);
    println!(
        "a single job: {:?} alone; beside 10,000 items {middle:?}, 95 of 100 within {late:?}",
        alone[alone.len() / 2],
    );
    assert!(late < Duration::from_millis(500), "{late:?}");
}
