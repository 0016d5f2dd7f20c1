//! Retries of runs that fan out, alone and together with what stops them again.

use futures_util::future::try_join_all;
use mobius_store::fan_outs::{self, DueFanOut};
use mobius_test_support::factories::{Held, Tenant, World};
use mobius_types::{RunId, WorkflowRunStatus};
use serde_json::{Value, json};

use crate::{fan_outs::each, history, invariants, rows, scenes::workflow};

/// Completes everything that there is to do in the project, and nothing may be left.
async fn complete_all(tenant: &Tenant) -> usize {
    let mut done = 0;
    loop {
        tenant.catch_up().await;
        let held = tenant.claim("v", 500).await;
        if held.is_empty() {
            return done;
        }
        done += held.len();
        let reports = held
            .iter()
            .map(|held| tenant.settle(held.completed(&json!(1))));
        try_join_all(reports).await.unwrap();
    }
}

/// A run of three items of which the first has failed, and with it the run, while a worker still
/// holds the second.
async fn failed_with_one_held(tenant: &Tenant) -> (RunId, Held) {
    let run = tenant.start(each(json!([0, 1, 2]), json!({}))).await;
    let [first, second] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.settle(first.failed("broken")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    (run.id, second)
}

async fn assert_all_ended(tenant: &Tenant) {
    let live: i64 = rows::value(
        tenant,
        "select (select count(*) from jobs where project_id = $1
                 and status not in ('completed', 'failed'))
              + (select count(*) from fan_outs where project_id = $1 and ended_at is null)",
    )
    .await;
    assert_eq!(live, 0);
}

#[tokio::test]
async fn a_retry_that_is_cancelled_at_once_brings_no_item_back() {
    let world = World::create().await;
    let tenant = world.tenant();
    let (run, held) = failed_with_one_held(tenant).await;
    // On one thread, both share a batch.
    let (retried, cancelled) = tokio::join!(tenant.retry(run), tenant.cancel(run));
    retried.unwrap();
    cancelled.unwrap();
    tenant.catch_up().await;
    assert!(tenant.claim("w", 10).await.is_empty());
    // The worker still holds its item, so the run waits for it.
    assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
    assert_ne!(tenant.status(run).await, WorkflowRunStatus::Failed);
    tenant.settle(held.failed("stopped")).await.unwrap();
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Failed);
    tenant.catch_up().await;
    assert!(tenant.claim("w", 10).await.is_empty());
    assert_all_ended(tenant).await;
    invariants::assert_hold(tenant).await;

    tenant.retry(run).await.unwrap();
    assert_eq!(complete_all(tenant).await, 3);
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_retry_and_a_cancellation_of_items_that_nobody_holds_end_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    for _ in 0..20 {
        let (run, held) = failed_with_one_held(tenant).await;
        tenant.settle(held.completed(&json!(1))).await.unwrap();
        let (retried, cancelled, again, at_last) = tokio::join!(
            tenant.retry(run),
            tenant.cancel(run),
            tenant.retry(run),
            tenant.cancel(run),
        );
        for outcome in [retried, cancelled, again, at_last] {
            outcome.unwrap();
        }
        assert_eq!(tenant.status(run).await, WorkflowRunStatus::Failed);
        tenant.catch_up().await;
        assert!(tenant.claim("w", 10).await.is_empty());
        assert_all_ended(tenant).await;
        tenant.retry(run).await.unwrap();
        assert_eq!(complete_all(tenant).await, 2);
        assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
    }
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_fan_out_goes_on_that_was_made_stopped_and_retried_in_one_batch() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = workflow(json!([
        {"name": "begin", "action": "begin", "next": [{"step": "map"}]},
        {"name": "map", "action": "work", "each": {"items": [1, 2, 3], "max_concurrency": 2}},
    ]));
    let run = tenant.start(draft).await.id;
    let begin = tenant.claim_one("w").await;
    let (entered, cancelled, retried) = tokio::join!(
        tenant.settle(begin.completed(&json!(1))),
        tenant.cancel(run),
        tenant.retry(run),
    );
    entered.unwrap();
    cancelled.unwrap();
    retried.unwrap();
    assert_eq!(complete_all(tenant).await, 3);
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn items_go_on_that_were_made_stopped_and_retried_in_one_batch() {
    let world = World::create().await;
    let tenant = world.tenant();
    let numbers: Value = (0..1_600).collect();
    let run = tenant.start(each(numbers, json!({}))).await.id;
    let fan_out = DueFanOut {
        project: tenant.project,
        run,
        job: tenant.run(run).await.jobs[0].id,
    };
    let (made, cancelled, retried) = tokio::join!(
        tenant.store.expand_fan_out(fan_out),
        tenant.cancel(run),
        tenant.retry(run),
    );
    made.unwrap();
    cancelled.unwrap();
    retried.unwrap();
    assert_eq!(complete_all(tenant).await, 1_600);
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
    let due = fan_outs::due(&mut *tenant.connection().await, &[], 10).await;
    assert!(due.unwrap().is_empty());
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_retry_keeps_the_attempts_of_the_items_that_it_takes_back() {
    let world = World::create().await;
    let tenant = world.tenant();
    let (run, held) = failed_with_one_held(tenant).await;
    tenant.retry(run).await.unwrap();
    let kept: Vec<String> = rows::of_run(
        tenant,
        run,
        "select array(select a.worker_id || ' ' || a.attempt || ' ' || a.error_type
                      from job_attempts a join jobs j on j.project_id = $1 and j.id = a.job_id
                      where a.project_id = $1 and a.run_id = $2 order by j.item_index)",
    )
    .await;
    assert_eq!(kept, ["w 1 broken", "w 1 retried"]);
    // The worker that lost its item is told, and one that repeats its report is believed.
    assert!(tenant.settle(held.completed(&json!(1))).await.is_err());
    assert_eq!(complete_all(tenant).await, 3);
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
}
