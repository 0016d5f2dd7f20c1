//! Heartbeats: they keep a lease alive, and only that of the job's holder.

use std::{sync::Arc, time::Duration};

use mobius_store::{Error, jobs::expired_leases};
use mobius_test_support::factories::{Held, RunDraft, World};
use mobius_types::{JobId, JobStatus, UserId};
use serde_json::json;
use tokio::sync::Barrier;

use crate::{history, race};

/// Longer than a lease, and shorter than one.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);
const WITHIN_THE_LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_heartbeat_renews_the_lease() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    let mut connection = tenant.connection().await;
    for _ in 0..3 {
        tenant.advance_clock(WITHIN_THE_LEASE).await;
        assert!(
            expired_leases(&mut connection, &[], 1)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(!tenant.heartbeat(&held).await.unwrap().should_cancel);
        let job = tenant.newest_job(run.id).await;
        assert!(job.heartbeat_at > job.claimed_at);
    }
    tenant.advance_clock(PAST_THE_LEASE).await;
    assert_eq!(
        expired_leases(&mut connection, &[], 9).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn only_the_holder_of_the_lease_renews_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    let changed = |change: fn(&mut Held)| {
        let mut changed = held.clone();
        change(&mut changed);
        changed
    };
    for stranger in [
        changed(|held| held.fence.worker = "v".to_owned()),
        changed(|held| held.fence.attempt = 0),
        changed(|held| held.fence.attempt = 2),
        changed(|held| held.fence.actor = UserId::generate()),
    ] {
        let answer = tenant.heartbeat(&stranger).await;
        assert!(matches!(answer, Err(Error::LeaseLost)), "{answer:?}");
    }
    let unknown = changed(|held| held.fence.job = JobId::generate());
    let answer = tenant.heartbeat(&unknown).await;
    assert!(matches!(answer, Err(Error::NotFound("job"))), "{answer:?}");
    let answer = other.heartbeat(&held).await;
    assert!(matches!(answer, Err(Error::NotFound("job"))), "{answer:?}");

    tenant.heartbeat(&held).await.unwrap();
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    let answer = tenant.heartbeat(&held).await;
    assert!(matches!(answer, Err(Error::LeaseLost)), "{answer:?}");
}

#[tokio::test]
async fn a_batch_of_heartbeats_answers_each_of_them() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 3).await;
    let held = tenant.claim("w", 3).await;
    let mut stale = held[1].clone();
    stale.fence.attempt = 7;
    let mut unknown = held[1].clone();
    unknown.fence.job = JobId::generate();
    // The first one twice, and not in the order of the ids.
    let beats = [&held[2], &stale, &held[0], &unknown, &held[2], &held[1]];
    let answers = beats.map(|beat| tenant.heartbeat(beat));
    let answers = futures_util::future::join_all(answers).await;
    let good: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, false, true, true]);
    assert!(matches!(answers[1], Err(Error::LeaseLost)));
    assert!(matches!(answers[3], Err(Error::NotFound("job"))));
}

#[tokio::test]
async fn a_heartbeat_after_the_lease_but_before_the_rescue_still_counts() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.advance_clock(PAST_THE_LEASE).await;
    let mut connection = tenant.connection().await;
    assert_eq!(
        expired_leases(&mut connection, &[], 9).await.unwrap().len(),
        1
    );

    tenant.heartbeat(&held).await.unwrap();
    // The scheduler had seen it expired, and comes too late.
    let rescue = tenant.settle(held.expired()).await;
    assert!(matches!(rescue, Err(Error::LeaseLost)), "{rescue:?}");
    tenant.settle(held.completed(&json!(1))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_that_race_the_rescue_agree_with_it() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let runs = tenant.start_many(&RunDraft::default(), race::ROUNDS).await;
    let rounds = tenant.claim("w", runs.len()).await;
    tenant.advance_clock(PAST_THE_LEASE).await;

    for held in rounds {
        let barrier = Arc::new(Barrier::new(3));
        let beat = |tenant: &mobius_test_support::factories::Tenant| {
            let (barrier, tenant, held) = (Arc::clone(&barrier), tenant.clone(), held.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                tenant.heartbeat(&held).await
            })
        };
        let beats = [beat(&tenant), beat(&replica)];
        barrier.wait().await;
        let rescue = tenant.settle(held.expired()).await;
        let mut renewed = 0;
        for beat in beats {
            renewed += usize::from(beat.await.unwrap().is_ok());
        }
        let job = tenant.newest_job(held.job.run).await;
        if rescue.is_ok() {
            assert_eq!(renewed, 0, "a lease was renewed and yet rescued");
            assert_eq!(job.status, JobStatus::Pending);
        } else {
            assert_eq!(renewed, 2, "neither renewed nor rescued");
            assert_eq!(job.status, JobStatus::Claimed);
        }
    }
    history::assert_dense(&tenant).await;
}
