//! Giving back a claim that its worker never heard of.

use mobius_store::jobs;
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::{JobStatus, UserId};

use crate::history;

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
