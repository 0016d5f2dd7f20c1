//! Ends of attempts that are not reports of their own: each gives the room of a limit back.

use std::time::Duration;

use mobius_test_support::factories::{Held, RunDraft, Tenant, World, spec};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{
    fan_outs::each,
    limits::{end, keyed},
    rows,
};

/// A run of three items of a key that lets two be held. The first has failed, and with it the run,
/// while a worker still holds the second.
async fn failed_with_one_held(tenant: &Tenant) -> Held {
    let options = keyed("k", 2).options;
    let draft = each(json!([0, 1, 2]), json!({}));
    let run = tenant.start(RunDraft { options, ..draft }).await;
    let [first, second] = tenant.claim("w", 10).await.try_into().unwrap();
    tenant.settle(first.failed("broken")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    second
}

#[tokio::test]
async fn a_timeout_gives_its_room_back() {
    let world = World::create().await;
    let tenant = world.tenant();
    let timed = spec(json!({"name": "timed", "steps": [
        {"name": "only", "action": "echo", "retry": [{"timeout": "10s"}]}]}));
    let draft = RunDraft {
        spec: timed,
        ..keyed("k", 1)
    };
    tenant.start_many(&draft, 2).await;
    let held = tenant.claim_one("w").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.advance_clock(Duration::from_secs(11)).await;
    tenant.settle(held.timed_out()).await.unwrap();
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
}

#[tokio::test]
async fn an_item_whose_step_has_failed_holds_its_room_until_its_worker_lets_go() {
    let world = World::create().await;
    let tenant = world.tenant();
    let item = failed_with_one_held(tenant).await;
    tenant.start_many(&keyed("k", 2), 3).await;
    let other = tenant.claim("w", 10).await;
    assert_eq!(other.len(), 1, "the item is still held");
    tenant.settle(item.failed("stopped")).await.unwrap();
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
    end(tenant, &other[0]).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
}

#[tokio::test]
async fn a_retry_that_takes_an_item_from_its_worker_takes_its_room_too() {
    let world = World::create().await;
    let tenant = world.tenant();
    let item = failed_with_one_held(tenant).await;
    tenant.start_many(&keyed("k", 2), 2).await;
    tenant.claim_one("w").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    let full = "select count(*) from limit_lanes where project_id = $1 and is_full";
    assert_eq!(rows::value::<i64>(tenant, full).await, 1);
    tenant.retry(item.job.run).await.unwrap();
    assert_eq!(rows::value::<i64>(tenant, full).await, 0);
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
    assert!(tenant.settle(item.completed(&json!(1))).await.is_err());
    assert!(tenant.claim("w", 10).await.is_empty());
}

#[tokio::test]
async fn a_retry_that_waits_opens_its_lane_when_it_is_due_and_no_sooner() {
    let world = World::create().await;
    let tenant = world.tenant();
    let retried = spec(json!({"name": "retried", "steps": [
        {"name": "only", "action": "echo", "retry": [{"max_retries": 3, "base_delay": "100s",
                                                      "jitter_strategy": "NONE"}]}]}));
    let draft = RunDraft {
        spec: retried,
        ..keyed("k", 2)
    };
    tenant.start_many(&draft, 3).await;
    let open = "select count(*) from limit_lanes
                where project_id = $1 and open_at <= mobius_now()";
    let [one, other] = tenant.claim("w", 10).await.try_into().unwrap();
    tenant.settle(one.failed("oops")).await.unwrap();
    assert_eq!(
        rows::value::<i64>(tenant, open).await,
        1,
        "the third has room"
    );
    let third = tenant.claim_one("w").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    for held in [other, third] {
        tenant.settle(held.failed("oops")).await.unwrap();
    }
    // The full lane was opened; then nothing of it was due.
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.start(keyed("k", 2)).await;
    let plain = tenant.claim_one("w").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.settle(plain.completed(&json!(1))).await.unwrap();
    assert_eq!(rows::value::<i64>(tenant, open).await, 0);
    tenant.advance_clock(Duration::from_secs(101)).await;
    assert_eq!(rows::value::<i64>(tenant, open).await, 1);
    assert_eq!(tenant.claim("w", 10).await.len(), 2);
}
