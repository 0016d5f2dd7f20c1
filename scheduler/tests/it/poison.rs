//! Rows that can't be dealt with: they must not hide those behind them.

use std::time::Duration;

use mobius_scheduler::tick_all;
use mobius_store::jobs::{expired_leases, spent_attempts};
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::JobStatus;

/// Longer than a lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);
/// More than one tick settles.
const BEHIND: usize = 600;

#[tokio::test]
async fn an_unreadable_run_does_not_hide_six_hundred_expired_leases() {
    let world = World::create().await;
    let tenant = world.tenant();
    let poison = tenant.start(RunDraft::default()).await;
    let unreadable = tenant.claim_one("w").await;
    tenant.corrupt(poison.id).await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    tenant.start_many(&RunDraft::default(), BEHIND).await;
    assert_eq!(tenant.claim("w", BEHIND).await.len(), BEHIND);
    tenant.advance_clock(PAST_THE_LEASE).await;

    let first = tick_all(&tenant.store).await.unwrap();
    assert_eq!(first.done, 499, "all but the unreadable one");
    assert!(first.has_more);
    // It was put off: however many there are like it, the next look is not full of them.
    let mut connection = tenant.connection().await;
    let next = expired_leases(&mut connection, &[], 1).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].job, unreadable.job.id);
    let second = tick_all(&tenant.store).await.unwrap();
    assert_eq!(second.done, 101);
    assert!(!second.has_more);
    assert_eq!(tenant.claim("w", 2 * BEHIND).await.len(), BEHIND);

    // It waits for another look at its lease: an attempt that has no deadline was given none.
    let job = tenant.newest_job(poison.id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Claimed, 1));
    tenant.advance_clock(PAST_THE_LEASE).await;
    assert_eq!(spent_attempts(&mut connection, &[], 1).await.unwrap(), []);

    // It is tried again later, and then again stands in nobody's way.
    for expected in [499, 101, 0] {
        let report = tick_all(&tenant.store).await.unwrap();
        assert_eq!(report.done, expected);
    }
}
