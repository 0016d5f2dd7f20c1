//! Retries of failed runs: from where they failed, and from their start.

use std::time::Duration;

use mobius_store::{Error, RetryFrom};
use mobius_test_support::factories::{RunDraft, World, fork, two_steps};
use mobius_types::{JobStatus, WorkflowRunStatus};
use serde_json::json;

use crate::{
    history, invariants, rows,
    scenes::{complete_next, steps, wait_for_go, workflow},
};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_failed_run_goes_on_from_the_step_that_failed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(two_steps())).await;
    complete_next(tenant).await;
    let second = tenant.claim_one("w").await;
    tenant.settle(second.failed("broken")).await.unwrap();

    tenant.retry(run.id).await.unwrap();
    let again = tenant.run(run.id).await.run;
    assert_eq!(again.status, WorkflowRunStatus::Queued);
    assert_eq!(again.attempt, 2);
    assert_eq!((again.error_message, again.completed_at), (None, None));
    assert_eq!(steps(tenant, run.id).await, ["first", "second", "second"]);
    let held = complete_next(tenant).await;
    assert_eq!(held.job.attempt, 1, "a fresh budget");
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_run_can_be_run_again_from_its_start() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(workflow(json!([
            {"name": "first", "action": "a", "parameters": {"attempt": "${run.attempt}"},
             "next": [{"step": "second"}]},
            {"name": "second", "action": "b"}])))
        .await;
    complete_next(tenant).await;
    let second = tenant.claim_one("w").await;
    tenant.settle(second.failed("broken")).await.unwrap();
    let retried = tenant
        .store
        .retry_run(tenant.project, run.id, RetryFrom::Start);
    retried.await.unwrap();
    let first = complete_next(tenant).await;
    assert_eq!(first.job.parameters["attempt"], 2);
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    assert_eq!(
        steps(tenant, run.id).await,
        ["first", "second", "first", "second"]
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn only_a_failed_run_can_be_retried() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let suspended = tenant.start(wait_for_go()).await;
    let refuse = async |run| {
        let refused = tenant.retry(run).await;
        assert!(
            matches!(
                refused,
                Err(Error::Conflict {
                    code: "not_failed",
                    ..
                })
            ),
            "{refused:?}"
        );
        assert_eq!(tenant.run(run).await.run.attempt, 1);
    };
    refuse(run.id).await;
    refuse(suspended.id).await;
    complete_next(tenant).await;
    refuse(run.id).await;
}

#[tokio::test]
async fn a_cancelled_run_can_be_retried_with_the_time_that_its_waits_had() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(wait_for_go()).await;
    tenant.cancel(run.id).await.unwrap();
    tenant.advance_clock(HOUR / 2).await;
    tenant.retry(run.id).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    invariants::assert_hold(tenant).await;
    tenant.advance_clock(HOUR / 2).await;
    assert_eq!(tenant.fire_due().await, 1);
    assert_eq!(steps(tenant, run.id).await, ["late"]);
    let cancelled: bool = rows::value(
        tenant,
        "select cancel_requested or cancelled_by is not null from runs where project_id = $1",
    )
    .await;
    assert!(!cancelled);
}

#[tokio::test]
async fn a_worker_of_before_the_retry_moves_the_run_no_more() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(fork())).await;
    complete_next(tenant).await;
    let [left, right] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.settle(left.failed("broken")).await.unwrap();
    tenant.retry(run.id).await.unwrap();
    assert!(tenant.heartbeat(&right).await.unwrap().should_cancel);

    tenant
        .settle(right.completed(&json!("late")))
        .await
        .unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Queued);
    for _ in 0..2 {
        complete_next(tenant).await;
    }
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_cancellation_after_the_retry_also_waits_for_the_workers_of_before() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(fork())).await;
    complete_next(tenant).await;
    let [left, right] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.settle(left.failed("broken")).await.unwrap();
    tenant.retry(run.id).await.unwrap();
    tenant.cancel(run.id).await.unwrap();
    assert_ne!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    tenant.settle(right.failed("stopped")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    let claimed: i64 = rows::value(
        tenant,
        "select count(*) from jobs where project_id = $1 and status = 'claimed'",
    )
    .await;
    assert_eq!(claimed, 0);
    let jobs = tenant.run(run.id).await.jobs;
    assert!(jobs.iter().all(|job| job.status != JobStatus::Pending));
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn what_is_asked_together_happens_in_order() {
    let world = World::create().await;
    let tenant = world.tenant();
    for _ in 0..20 {
        let run = tenant.start(RunDraft::default()).await;
        // All of it may share one batch.
        let (cancelled, retried, again) = tokio::join!(
            tenant.cancel(run.id),
            tenant.retry(run.id),
            tenant.cancel(run.id),
        );
        cancelled.unwrap();
        retried.unwrap();
        again.unwrap();
        let ended = tenant.run(run.id).await;
        assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
        assert_eq!(ended.run.attempt, 2);
        assert_eq!(ended.jobs.len(), 2);
        tenant.retry(run.id).await.unwrap();
        complete_next(tenant).await;
        assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    }
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}
