//! How many children there may be, how large they may be, and that nothing gets past that.

use mobius_store::{Settings, children};
use mobius_test_support::factories::{World, spec};
use mobius_types::WorkflowRunStatus;
use serde_json::{Value, json};

use crate::{
    children::{calls, double, error, save_double},
    invariants, rows,
};

/// Tries again and catches whatever can be.
fn stubborn() -> Value {
    json!({"retry": [{"max_retries": 5, "base_delay": "0s"}],
           "catch": [{"error_equals": ["all", "limit_exceeded"], "next": "call"}]})
}

#[tokio::test]
async fn a_project_has_so_many_children_at_a_time() {
    let mut settings = Settings::default();
    settings.limits.max_live_children = 2;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    save_double(tenant).await;
    for _ in 0..2 {
        tenant.start(calls(double(1), stubborn())).await;
    }
    tenant.catch_up().await;
    let third = tenant.start(calls(double(1), stubborn())).await;
    tenant.catch_up().await;
    let message = error(tenant, third.id).await;
    assert!(
        message.contains("limit_exceeded") && message.contains("2 child runs"),
        "{message}"
    );
    let jobs = tenant.run(third.id).await.jobs;
    assert_eq!((jobs.len(), jobs[0].attempt), (1, 1));

    // One that has ended makes room.
    let held = tenant.claim_one("w").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    tenant.catch_up().await;
    tenant.retry(third.id).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(tenant.status(third.id).await, WorkflowRunStatus::Running);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_child_gives_back_so_much() {
    let mut settings = Settings::default();
    settings.limits.max_result_bytes = 1_000;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parent = tenant.start(calls(double(1), stubborn())).await;
    tenant.catch_up().await;
    let held = tenant.claim_one("w").await;
    tenant
        .settle(held.completed(&json!("x".repeat(1_000))))
        .await
        .unwrap();
    tenant.catch_up().await;
    let message = error(tenant, parent.id).await;
    assert!(
        message.contains("limit_exceeded") && message.contains("1000 bytes"),
        "{message}"
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn the_inputs_of_a_child_are_bounded_as_those_of_any_start() {
    let mut settings = Settings::default();
    settings.limits.max_inputs_bytes = 1_000;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    let any = spec(json!({"name": "any", "steps": [{"name": "only", "action": "a"}]}));
    tenant.save_workflow("any", any).await;
    let parameters = json!({"workflow": "any", "inputs": {"text": "x".repeat(1_000)}});
    let retry = json!({"retry": [{"max_retries": 5, "base_delay": "0s"}]});
    let parent = tenant.start(calls(parameters, retry)).await;
    tenant.catch_up().await;
    let message = error(tenant, parent.id).await;
    assert!(
        message.contains("invalid_parameters: inputs: has"),
        "{message}"
    );
    assert_eq!(tenant.run(parent.id).await.jobs[0].attempt, 1, "no retry");
}

#[tokio::test]
async fn a_retried_child_is_cancelled_with_the_parent_that_waits_for_it_again() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parent = tenant.start(calls(double(1), json!({}))).await;
    tenant.catch_up().await;
    let held = tenant.claim_one("w").await;
    let child = held.job.run;
    // The replica that hears of the child's end dies before it tells the parent.
    rows::change(
        tenant,
        "update runs set attempt = 2 where project_id = $1 and parent_job_id is not null",
    )
    .await;
    tenant.cancel(parent.id).await.unwrap();
    tenant.catch_up().await;
    assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
    tenant.settle(held.failed("stopped")).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(tenant.status(child).await, WorkflowRunStatus::Failed);
    assert_eq!(tenant.status(parent.id).await, WorkflowRunStatus::Failed);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn nothing_is_left_to_look_at_when_all_is_done() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parent = tenant.start(calls(double(1), json!({}))).await;
    tenant.catch_up().await;
    let noted = "select count(*) from child_tasks where project_id = $1";
    assert_eq!(rows::value::<i64>(tenant, noted).await, 0, "it only waits");
    let held = tenant.claim_one("w").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(tenant.status(parent.id).await, WorkflowRunStatus::Completed);
    assert_eq!(rows::value::<i64>(tenant, noted).await, 0);
    let mut connection = tenant.connection().await;
    let ended = children::ended(&mut connection, None, 10).await.unwrap();
    assert_eq!(ended, []);
}
