//! Expired leases: the job goes to another worker, and the silent one is out.

use std::time::Duration;

use mobius_store::{
    Error,
    jobs::{Overdue, expired_leases, postpone},
};
use mobius_test_support::factories::{RunDraft, World, spec};
use mobius_types::{JobStatus, WorkflowRunStatus};
use serde_json::json;

use crate::{history, rows};

/// Longer than a lease, and shorter than one.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);
const WITHIN_THE_LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lease_that_has_not_expired_is_left_alone() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.advance_clock(WITHIN_THE_LEASE).await;

    let mut connection = tenant.connection().await;
    assert!(
        expired_leases(&mut connection, &[], 10)
            .await
            .unwrap()
            .is_empty()
    );
    let early = tenant.settle(held.expired()).await;
    assert!(matches!(early, Err(Error::LeaseLost)), "{early:?}");
    tenant.settle(held.completed(&json!(1))).await.unwrap();
}

#[tokio::test]
async fn after_a_rescue_only_the_new_holder_counts() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let silent = tenant.claim_one("w").await;
    tenant.advance_clock(PAST_THE_LEASE).await;
    let mut connection = tenant.connection().await;
    let expired = expired_leases(&mut connection, &[], 10).await.unwrap();
    let expected = Overdue {
        project: tenant.project,
        job: silent.job.id,
        attempt: 1,
    };
    assert_eq!(expired, [expected]);
    tenant.settle(silent.expired()).await.unwrap();

    // Also when the same worker claims again, its old attempt is over.
    let holder = tenant.claim_one("w").await;
    assert_eq!(holder.job.id, silent.job.id);
    assert_eq!(holder.job.attempt, 2);
    for stale in [
        silent.completed(&json!("late")),
        silent.failed("late"),
        silent.expired(),
    ] {
        let settled = tenant.settle(stale).await;
        assert!(matches!(settled, Err(Error::LeaseLost)), "{settled:?}");
    }
    tenant
        .settle(holder.completed(&json!("mine")))
        .await
        .unwrap();
    let ended = tenant.run(run.id).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Completed);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_job_is_rescued_five_times_and_then_fails() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    for attempt in 1..=6 {
        let held = tenant.claim_one("w").await;
        assert_eq!(held.job.attempt, attempt);
        tenant.advance_clock(PAST_THE_LEASE).await;
        tenant.settle(held.expired()).await.unwrap();
        let late = tenant.settle(held.failed("late")).await;
        assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    }
    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    let message = ended.run.error_message.unwrap();
    assert!(message.contains("lease_expired"), "{message}");
    let job = &ended.jobs[0];
    assert_eq!(
        (job.status, job.attempt, job.max_attempts),
        (JobStatus::Failed, 6, 6)
    );
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_rescue_does_not_spend_the_retry_budget() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "only", "action": "echo",
                   "retry": [{"max_retries": 1, "base_delay": "0s"}]}],
    })));
    let run = tenant.start(draft).await;
    let lose = async || {
        let held = tenant.claim_one("w").await;
        tenant.advance_clock(PAST_THE_LEASE).await;
        tenant.settle(held.expired()).await.unwrap();
    };
    let fail = async || {
        let held = tenant.claim_one("w").await;
        tenant.settle(held.failed("broken")).await.unwrap();
        tenant.newest_job(run.id).await.status
    };
    lose().await;
    lose().await;
    assert_eq!(fail().await, JobStatus::Pending);
    lose().await;
    assert_eq!(fail().await, JobStatus::Failed);
    let kept: Vec<String> = rows::value(
        tenant,
        "select array_agg(error_type order by attempt) from job_attempts where project_id = $1",
    )
    .await;
    let lost = "lease_expired";
    assert_eq!(kept, [lost, lost, "broken", lost]);
    let job = tenant.newest_job(run.id).await;
    assert!(job.attempt <= job.max_attempts, "{job:?}");
}

#[tokio::test]
async fn a_run_that_has_ended_gets_no_more_attempts() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(RunDraft::of(mobius_test_support::factories::fork()))
        .await;
    let begin = tenant.claim_one("w").await;
    tenant.settle(begin.completed(&json!(1))).await.unwrap();
    let [one, other] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.settle(one.failed("broken")).await.unwrap();

    // The other worker was told to stop, and never answered.
    tenant.advance_clock(PAST_THE_LEASE).await;
    tenant.settle(other.expired()).await.unwrap();
    assert!(tenant.claim("w", 1).await.is_empty());
    let claimed = tenant.run(run.id).await.jobs;
    assert!(claimed.iter().all(|job| job.status != JobStatus::Claimed));
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_postponed_job_lets_those_behind_it_come_first() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 2).await;
    let first = tenant.claim_one("w").await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    let second = tenant.claim_one("w").await;
    tenant.advance_clock(PAST_THE_LEASE).await;

    let mut connection = tenant.connection().await;
    let expired = expired_leases(&mut connection, &[], 1).await.unwrap();
    assert_eq!(expired[0].job, first.job.id);
    postpone(&mut connection, expired[0], Duration::from_secs(3_600))
        .await
        .unwrap();
    let expired = expired_leases(&mut connection, &[], 10).await.unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].job, second.job.id);

    tenant.advance_clock(Duration::from_secs(3_600)).await;
    assert_eq!(
        expired_leases(&mut connection, &[], 10)
            .await
            .unwrap()
            .len(),
        2
    );
}
