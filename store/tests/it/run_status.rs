//! Where a run stands while it waits, goes on, and works.

use std::time::Duration;

use mobius_test_support::factories::World;
use mobius_types::{JobStatus, WorkflowRunStatus};
use serde_json::json;

use crate::{
    history, invariants,
    scenes::{complete_next, work_then_wait, workflow},
};

#[tokio::test]
async fn a_run_is_queued_running_suspended_and_queued_again() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(work_then_wait()).await;
    assert_eq!(run.status, WorkflowRunStatus::Queued);
    let held = tenant.claim_one("w").await;
    let running = tenant.run(run.id).await.run;
    assert_eq!(running.status, WorkflowRunStatus::Running);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);

    tenant.advance_clock(Duration::from_secs(60)).await;
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Queued);
    let held = tenant.claim_one("w").await;
    let again = tenant.run(run.id).await.run;
    assert_eq!(again.status, WorkflowRunStatus::Running);
    assert_eq!(again.started_at, running.started_at, "the first claim");
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    // Queued, running, suspended, queued, running, completed.
    assert_eq!(history::count_frames(tenant, "run_updated").await, 6);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_run_is_suspended_only_while_every_branch_waits() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(workflow(json!([
            {"name": "begin", "action": "begin", "next": [
                {"step": "wait", "branch": "waits"}, {"step": "work", "branch": "works"}]},
            {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h"}},
            {"name": "work", "action": "work", "next": [{"step": "stop"}]},
            {"name": "stop", "pause": {}}])))
        .await;
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    invariants::assert_hold(tenant).await;
    tenant.resume(run.id).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn a_run_that_goes_on_without_a_worker_is_running_and_its_job_is_no_workers() {
    let world = World::create().await;
    let tenant = world.tenant();
    let rest = workflow(json!([{"name": "rest", "sleep": {"duration": "1h"}}]));
    tenant.save_workflow("other", rest.spec).await;
    let run = tenant
        .start(workflow(json!([
            {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h"},
             "next": [{"step": "child"}]},
            {"name": "child", "action": "mobius.run_workflow", "action_kind": "server",
             "parameters": {"workflow": "other"}}])))
        .await;
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
    let job = tenant.newest_job(run.id).await;
    assert_eq!(job.action, "mobius.run_workflow");
    assert!(tenant.claim("w", 1).await.is_empty());
    tenant.cancel(run.id).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    assert_eq!(tenant.newest_job(run.id).await.status, JobStatus::Failed);
    invariants::assert_hold(tenant).await;
}
