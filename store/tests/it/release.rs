//! Giving back a claim that its worker never heard of.

use mobius_store::jobs;
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{JobOptions, JobStatus, UserId};
use serde_json::json;
use sqlx::Connection;

use crate::{fan_outs::each, history, invariants, rows};

#[tokio::test]
async fn a_released_job_is_as_it_was_before_the_claim() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let before = tenant.newest_job(run.id).await;

    let held = tenant.claim_one("w").await;
    let released = tenant.store.release(tenant.project, held.fence).await;
    released.unwrap();

    let after = tenant.newest_job(run.id).await;
    assert_eq!(after.status, JobStatus::Pending);
    assert_eq!(after.attempt, before.attempt);
    assert_eq!(after.scheduled_at, before.scheduled_at);
    assert_eq!(after.claimed_by, None);
    assert_eq!(after.claimed_at, None);
    assert_eq!(after.heartbeat_at, None);
    history::assert_dense(tenant).await;

    let again = tenant.claim_one("other").await;
    assert_eq!(again.job.attempt, 1);
}

#[tokio::test]
async fn a_release_with_a_stale_fence_does_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;

    let mut wrong_worker = held.fence.clone();
    wrong_worker.worker = "other".to_owned();
    let mut wrong_attempt = held.fence.clone();
    wrong_attempt.attempt += 1;
    let mut wrong_actor = held.fence.clone();
    wrong_actor.actor = UserId::generate();
    let mut connection = tenant.connection().await;
    for fence in [&wrong_worker, &wrong_attempt, &wrong_actor] {
        let released = jobs::release(&mut connection, tenant.project, fence).await;
        assert!(!released.unwrap(), "{fence:?}");
    }
    let released = jobs::release(&mut connection, other.project, &held.fence).await;
    assert!(!released.unwrap());
    assert_eq!(tenant.newest_job(run.id).await.status, JobStatus::Claimed);

    let released = jobs::release(&mut connection, tenant.project, &held.fence).await;
    assert!(released.unwrap());
    let released = jobs::release(&mut connection, tenant.project, &held.fence).await;
    assert!(!released.unwrap(), "a second release");
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn the_fence_of_a_released_claim_settles_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    let fence = held.fence.clone();
    tenant.store.release(tenant.project, fence).await.unwrap();

    for settlement in [
        held.completed(&serde_json::json!(1)),
        held.failed("x"),
        held.expired(),
        held.timed_out(),
    ] {
        assert!(tenant.settle(settlement).await.is_err());
    }
    assert!(tenant.heartbeat(&held).await.is_err());
}

/// Waits until so many statements wait for a lock.
async fn until_waiting(tenant: &Tenant, expected: i64) {
    let waiting = "select count(*) from pg_stat_activity
                   where $1 is not null and datname = current_database()
                     and wait_event_type = 'Lock'";
    while rows::value::<i64>(tenant, waiting).await < expected {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_waits_for_whoever_stops_the_job_and_both_go_through() {
    let world = World::create().await;
    let tenant = world.tenant();
    let options = JobOptions {
        concurrency_key: Some("k".to_owned()),
        max_concurrency: Some(5),
        ..JobOptions::default()
    };
    let draft = each(json!([0, 1]), json!({}));
    tenant.start(RunDraft { options, ..draft }).await;
    let [first, second] = tenant.claim("w", 2).await.try_into().unwrap();

    // Both queue up for the second item: its step, which has failed with the first, and its release.
    let mut connection = tenant.connection().await;
    let mut gate = connection.begin().await.unwrap();
    sqlx::query("select from jobs where project_id = $1 and id = $2 for update")
        .bind(tenant.project.as_uuid())
        .bind(second.job.id.as_uuid())
        .execute(&mut *gate)
        .await
        .unwrap();
    let (failing, report) = (tenant.clone(), first.failed("broken"));
    let failed = tokio::spawn(async move { failing.settle(report).await });
    until_waiting(tenant, 1).await;
    let (releasing, fence) = (world.replica(), second.fence.clone());
    let released =
        tokio::spawn(async move { releasing.store.release(releasing.project, fence).await });
    until_waiting(tenant, 2).await;
    gate.rollback().await.unwrap();
    released.await.unwrap().unwrap();
    failed.await.unwrap().unwrap();
    invariants::assert_hold(tenant).await;
}
