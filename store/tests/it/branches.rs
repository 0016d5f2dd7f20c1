//! Runs with branches: they end together, or one takes the others with it.

use futures_util::future::join_all;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World, fork};
use mobius_types::{JobStatus, RunId, WorkflowRunStatus};
use serde_json::json;

use crate::{history, race, rows};

/// Starts runs and completes their first step, so that both branches wait for workers.
async fn start_forked(tenant: &Tenant, count: usize) -> Vec<RunId> {
    let runs = tenant.start_many(&RunDraft::of(fork()), count).await;
    let begun = tenant.claim("w", count).await;
    let reports = begun
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    for settled in join_all(reports).await {
        settled.unwrap();
    }
    runs.into_iter().map(|run| run.id).collect()
}

/// Claims both branches of the only run: left, then right.
async fn claim_both(tenant: &Tenant) -> [Held; 2] {
    let mut held = tenant.claim("w", 2).await;
    held.sort_by_key(|held| held.job.step_name.clone());
    held.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_branches_that_end_together_complete_the_run_once() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let runs = start_forked(&tenant, race::ROUNDS).await;
    let mut held = tenant.claim("w", 2 * race::ROUNDS).await;
    for (round, run) in runs.into_iter().enumerate() {
        let branches: Vec<Held> = held.extract_if(.., |held| held.job.run == run).collect();
        let [left, right] = branches.try_into().unwrap();
        let (one, other) = (tenant.clone(), replica.clone());
        let (left, right) = race::both(
            round % 2 == 0,
            async move { one.settle(left.completed(&json!("left"))).await },
            async move { other.settle(right.completed(&json!("right"))).await },
        )
        .await;
        left.unwrap();
        right.unwrap();
    }
    let completed: i64 = rows::value(
        &tenant,
        "select count(*) from runs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(usize::try_from(completed).unwrap(), race::ROUNDS);
    history::assert_every_run_ended_once(&tenant).await;
    history::assert_dense(&tenant).await;
}

#[tokio::test]
async fn a_branch_that_fails_ends_the_waiting_jobs_of_the_others() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start_forked(tenant, 1).await[0];
    let one = tenant.claim_one("w").await;
    tenant.settle(one.failed("broken")).await.unwrap();

    let ended = tenant.run(run).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    let message = ended.run.error_message.unwrap();
    assert!(message.contains("broken"), "{message}");
    let other = ended
        .jobs
        .iter()
        .find(|job| job.status != JobStatus::Completed && job.id != one.job.id);
    let other = other.unwrap();
    assert_eq!(other.status, JobStatus::Failed);
    assert_eq!(other.last_error.as_deref(), Some("the run has ended"));
    assert!(tenant.claim("w", 10).await.is_empty());
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_branch_that_fails_has_the_workers_of_the_others_told_to_stop() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start_forked(tenant, 1).await[0];
    let [left, right] = claim_both(tenant).await;
    assert!(!tenant.heartbeat(&right).await.unwrap().should_cancel);
    tenant.settle(left.failed("broken")).await.unwrap();
    assert!(tenant.heartbeat(&right).await.unwrap().should_cancel);

    // It was too late to stop: what it did is kept, and changes nothing.
    tenant
        .settle(right.completed(&json!("done")))
        .await
        .unwrap();
    tenant
        .settle(right.completed(&json!("done")))
        .await
        .unwrap();
    let kept: Vec<u8> = rows::value(
        tenant,
        "select result from jobs where project_id = $1 and step_name = 'right'",
    )
    .await;
    assert_eq!(kept, b"\"done\"");
    let ended = tenant.run(run).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    assert!(ended.result_b64.is_none());
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_worker_that_stops_as_told_leaves_the_first_error_on_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start_forked(tenant, 1).await[0];
    let [left, right] = claim_both(tenant).await;
    tenant.settle(left.failed("first_error")).await.unwrap();
    tenant.settle(right.failed("cancelled")).await.unwrap();

    let ended = tenant.run(run).await;
    let message = ended.run.error_message.unwrap();
    assert!(message.contains("first_error"), "{message}");
    let failed = ended
        .jobs
        .iter()
        .filter(|job| job.status == JobStatus::Failed);
    assert_eq!(failed.count(), 2);
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_fails_while_the_other_completes_fails_the_run() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let runs = start_forked(&tenant, race::ROUNDS).await;
    let mut held = tenant.claim("w", 2 * race::ROUNDS).await;
    for (round, run) in runs.into_iter().enumerate() {
        let branches: Vec<Held> = held.extract_if(.., |held| held.job.run == run).collect();
        let [left, right] = branches.try_into().unwrap();
        let (one, other) = (tenant.clone(), replica.clone());
        let (left, right) = race::both(
            round % 2 == 0,
            async move { one.settle(left.failed("broken")).await },
            async move { other.settle(right.completed(&json!(1))).await },
        )
        .await;
        left.unwrap();
        right.unwrap();
    }
    let failed: i64 = rows::value(
        &tenant,
        "select count(*) from runs where project_id = $1 and status = 'failed'",
    )
    .await;
    assert_eq!(usize::try_from(failed).unwrap(), race::ROUNDS);
    history::assert_every_run_ended_once(&tenant).await;
    history::assert_dense(&tenant).await;
}
