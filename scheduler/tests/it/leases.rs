//! Expired leases: rescued once, however many schedulers look.

use std::time::Duration;

use mobius_scheduler::tick_all;
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::JobStatus;
use serde_json::json;

/// Longer than a lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_lease_is_rescued_once_by_three_schedulers() {
    let world = World::create().await;
    let tenant = world.tenant();
    let runs = tenant.start_many(&RunDraft::default(), 50).await;
    let held = tenant.claim("silent", 50).await;
    tenant.advance_clock(PAST_THE_LEASE).await;

    let schedulers = [(); 3].map(|()| {
        let store = world.replica().store;
        tokio::spawn(async move { tick_all(&store).await.unwrap().done })
    });
    let mut done = 0;
    for scheduler in schedulers {
        done += scheduler.await.unwrap();
    }
    assert_eq!(done, 50);

    for run in &runs {
        let job = tenant.newest_job(run.id).await;
        assert_eq!((job.status, job.attempt), (JobStatus::Pending, 1));
        assert_eq!(job.max_attempts, 2, "rescued once");
    }
    let again = tenant.claim("other", 50).await;
    assert!(again.iter().all(|held| held.job.attempt == 2));
    assert_eq!(again.len(), 50);
    let late = tenant.settle(held[0].completed(&json!(1))).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn a_lease_that_is_kept_alive_is_left_alone() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    for _ in 0..3 {
        tenant.advance_clock(PAST_THE_LEASE / 2).await;
        tenant.heartbeat(&held).await.unwrap();
        assert_eq!(tick_all(&tenant.store).await.unwrap().done, 0);
    }
    assert_eq!(tenant.newest_job(run.id).await.status, JobStatus::Claimed);
}
