//! Steps that run once for each item.

use mobius_store::{Error, Settings};
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::{JobStatus, RunId, WorkflowRunStatus};
use serde_json::{Value, json};

use crate::{history, invariants, rows, scenes::workflow};

/// A step that runs the action `work` for each item and gives out the results.
pub(crate) fn each(items: Value, more: Value) -> RunDraft {
    let mut each = json!({"items": items});
    let mut step = json!({
        "name": "map", "action": "work", "store": "all",
        "parameters": {"item": "${state.item}", "index": "${state.index}"},
    });
    let Value::Object(more) = more else {
        unreachable!("what a test adds is an object");
    };
    for (name, value) in more {
        if name.starts_with("max_") {
            each[name.as_str()] = value;
        } else {
            step[name.as_str()] = value;
        }
    }
    step["each"] = each;
    let mut draft = workflow(json!([step, {"name": "caught", "action": "caught"}]));
    if draft.spec.steps[0].catch.is_empty() {
        draft.spec.steps.pop();
    }
    draft.spec.outputs =
        serde_json::from_value(json!([{"name": "all", "variable": "all"}])).unwrap();
    draft
}

/// Numbers from 0.
fn numbers(count: usize) -> Value {
    (0..count).collect()
}

/// The run's declared output.
async fn output(tenant: &Tenant, run: RunId) -> Value {
    let ended = tenant.run(run).await;
    assert_eq!(
        ended.run.status,
        WorkflowRunStatus::Completed,
        "{:?}",
        ended.run
    );
    rows::of_run(
        tenant,
        run,
        "select result->'all' from runs where project_id = $1 and id = $2",
    )
    .await
}

fn parameter(held: &Held, name: &str) -> Value {
    held.job.parameters[name].clone()
}

/// Completes jobs with the parameter `item`.
async fn complete(tenant: &Tenant, held: &[Held]) {
    let settled = held
        .iter()
        .map(|held| tenant.settle(held.completed(&parameter(held, "item"))));
    futures_util::future::try_join_all(settled).await.unwrap();
}

#[tokio::test]
async fn results_are_in_the_order_of_the_items_however_they_end() {
    let world = World::create().await;
    let tenant = world.tenant();
    for (items, expected) in [
        (
            json!([3, null, "x", {"a": [1]}]),
            json!([3, null, "x", {"a": [1]}]),
        ),
        (
            json!({"b": 1, "a": 2}),
            json!([{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ),
        (json!("alone"), json!(["alone"])),
        (json!(7), json!([7])),
        (json!(null), json!([])),
        (json!([]), json!([])),
    ] {
        let run = tenant.start(each(items, json!({}))).await;
        let mut held = tenant.claim("w", 10).await;
        held.reverse();
        complete(tenant, &held).await;
        assert_eq!(output(tenant, run.id).await, expected);
        invariants::assert_hold(tenant).await;
    }
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn an_item_knows_its_place_and_its_parent() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(each(json!(["a", "b"]), json!({}))).await;
    let jobs = tenant.run(run.id).await.jobs;
    assert_eq!(jobs.len(), 3);
    assert_eq!(jobs[0].status, JobStatus::Waiting);
    for (index, job) in jobs[1..].iter().enumerate() {
        assert_eq!(job.parent_job_id, Some(jobs[0].id));
        assert_eq!(job.parameters.as_ref().unwrap()["index"], json!(index));
    }
    let held = tenant.claim("w", 10).await;
    assert_eq!(held.len(), 2, "nobody may claim the parent");
    complete(tenant, &held).await;
    let jobs = tenant.run(run.id).await.jobs;
    assert!(
        jobs.iter().all(|job| job.status == JobStatus::Completed),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn many_items_are_made_in_bites_and_each_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(each(numbers(1_234), json!({}))).await;
    tenant.catch_up().await;
    let held = tenant.claim("w", 2_000).await;
    assert_eq!(held.len(), 1_234);
    complete(tenant, &held).await;
    assert_eq!(output(tenant, run.id).await, numbers(1_234));
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn no_more_items_are_with_workers_than_allowed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(each(numbers(600), json!({"max_concurrency": 7})))
        .await;
    tenant.catch_up().await;
    let mut seen = Vec::new();
    while tenant.status(run.id).await != WorkflowRunStatus::Completed {
        let held = tenant.claim("w", 100).await;
        assert!((1..=7).contains(&held.len()), "{}", held.len());
        assert!(tenant.claim("w", 100).await.is_empty());
        seen.extend(
            held.iter()
                .map(|held| parameter(held, "index").as_u64().unwrap()),
        );
        // Not all of them, so that the others stay with their worker.
        let (some, rest) = held.split_at(held.len().div_ceil(2));
        complete(tenant, some).await;
        let next = tenant.claim("w", 100).await;
        assert!(next.len() <= some.len());
        seen.extend(
            next.iter()
                .map(|held| parameter(held, "index").as_u64().unwrap()),
        );
        complete(tenant, rest).await;
        complete(tenant, &next).await;
    }
    assert_eq!(seen, (0..600).collect::<Vec<u64>>(), "in their order");
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn an_item_that_fails_fails_the_step_and_stops_the_others() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(each(numbers(4), json!({}))).await;
    let held = tenant.claim("w", 3).await;
    tenant.settle(held[1].failed("broken")).await.unwrap();
    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    let message = ended.run.error_message.unwrap();
    assert!(
        message.contains("step `map`") && message.contains("item 1"),
        "{message}"
    );
    assert!(tenant.claim("w", 10).await.is_empty());
    assert!(tenant.heartbeat(&held[0]).await.unwrap().should_cancel);
    // What comes late only ends its job.
    tenant.settle(held[0].completed(&json!(1))).await.unwrap();
    tenant.settle(held[2].failed("broken")).await.unwrap();
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_clause_catches_a_step_whose_items_failed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let catch = json!({"catch": [{"error_equals": ["broken"], "next": "caught"}]});
    let run = tenant.start(each(numbers(3), catch)).await;
    let held = tenant.claim("w", 2).await;
    tenant.settle(held[0].failed("broken")).await.unwrap();
    assert!(tenant.heartbeat(&held[1]).await.unwrap().should_cancel);
    tenant.settle(held[1].completed(&json!(1))).await.unwrap();
    let caught = tenant.claim_one("w").await;
    assert_eq!(caught.job.action, "caught");
    tenant.settle(caught.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn so_many_items_may_fail() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(each(numbers(4), json!({"max_failures": 2})))
        .await;
    let held = tenant.claim("w", 4).await;
    for failed in [&held[3], &held[1]] {
        tenant.settle(failed.failed("broken")).await.unwrap();
    }
    complete(tenant, &[held[0].clone(), held[2].clone()]).await;
    let error = json!({"error": "broken", "message": "as the test wants it"});
    assert_eq!(output(tenant, run.id).await, json!([0, error, 2, error]));

    let run = tenant
        .start(each(numbers(4), json!({"max_failures": 2})))
        .await;
    for held in tenant.claim("w", 3).await {
        tenant.settle(held.failed("broken")).await.unwrap();
    }
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn an_item_is_retried_and_rescued_by_itself() {
    let world = World::create().await;
    let tenant = world.tenant();
    let retry = json!({"retry": [{"max_retries": 1, "base_delay": "0s"}]});
    let run = tenant.start(each(numbers(2), retry)).await;
    let held = tenant.claim("w", 2).await;
    tenant.settle(held[0].failed("broken")).await.unwrap();
    // The same report again changes nothing.
    tenant.settle(held[0].failed("broken")).await.unwrap();
    tenant
        .advance_clock(std::time::Duration::from_secs(91))
        .await;
    tenant.settle(held[1].expired()).await.unwrap();
    let late = tenant.settle(held[1].completed(&json!(1))).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    let again = tenant.claim("v", 10).await;
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|held| held.fence.attempt == 2));
    complete(tenant, &again).await;
    assert_eq!(output(tenant, run.id).await, numbers(2));
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn items_that_cannot_be_made_fail_the_step() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut items: Vec<Value> = (0..700).map(|number| json!({"x": number})).collect();
    items[650] = json!({});
    let draft = each(
        json!(items),
        json!({"parameters": {"x": "${state.item.x}"}}),
    );
    let run = tenant.start(draft).await;
    tenant.catch_up().await;
    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    let message = ended.run.error_message.unwrap();
    assert!(message.contains("item 650"), "{message}");
    assert!(tenant.claim("w", 1_000).await.is_empty());
    invariants::assert_hold(tenant).await;

    // As well when the first of them can't.
    let draft = each(json!([{}]), json!({"parameters": {"x": "${state.item.x}"}}));
    let run = tenant.start(draft).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn results_that_are_too_large_together_fail_the_step() {
    let mut settings = Settings::default();
    settings.limits.max_state_bytes = 10_000;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    let run = tenant.start(each(numbers(3), json!({}))).await;
    for held in tenant.claim("w", 3).await {
        let large = json!("x".repeat(4_000));
        tenant.settle(held.completed(&large)).await.unwrap();
    }
    let message = tenant.run(run.id).await.run.error_message.unwrap();
    assert!(message.contains("limit_exceeded"), "{message}");
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_cancelled_run_waits_for_the_items_that_workers_hold() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(each(numbers(5), json!({"max_concurrency": 3})))
        .await;
    let held = tenant.claim("w", 2).await;
    tenant.cancel(run.id).await.unwrap();
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.settle(held[0].completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
    tenant.settle(held[1].failed("broken")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Failed);
    assert!(tenant.claim("w", 10).await.is_empty());
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_retried_run_repeats_the_items_that_did_not_complete() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(each(numbers(6), json!({"max_concurrency": 4})))
        .await;
    let held = tenant.claim("w", 4).await;
    complete(tenant, &held[..1]).await;
    tenant.settle(held[1].failed("broken")).await.unwrap();
    // Completes after the run has failed, and counts all the same.
    complete(tenant, &held[2..3]).await;
    tenant.retry(run.id).await.unwrap();
    tenant.catch_up().await;
    let lost = tenant.settle(held[3].completed(&json!(3))).await;
    assert!(matches!(lost, Err(Error::LeaseLost)), "{lost:?}");
    let again = tenant.claim("w", 10).await;
    let places: Vec<Value> = again.iter().map(|held| parameter(held, "index")).collect();
    assert_eq!(json!(places), json!([1, 3, 4, 5]));
    complete(tenant, &again).await;
    assert_eq!(output(tenant, run.id).await, numbers(6));
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_retried_run_goes_on_when_all_items_have_completed_by_then() {
    let world = World::create().await;
    let tenant = world.tenant();
    let fork = workflow(json!([
        {"name": "begin", "action": "begin", "next": [
            {"step": "map", "branch": "left"}, {"step": "other", "branch": "right"}]},
        {"name": "map", "action": "work", "each": {"items": [1]},
         "parameters": {"item": "${state.item}"}},
        {"name": "other", "action": "other"},
    ]));
    let run = tenant.start(fork).await;
    let begin = tenant.claim_one("w").await;
    tenant.settle(begin.completed(&json!(1))).await.unwrap();
    let held = tenant.claim("w", 2).await;
    let (items, others): (Vec<Held>, Vec<Held>) =
        held.into_iter().partition(|held| held.job.action == "work");
    tenant.settle(others[0].failed("broken")).await.unwrap();
    complete(tenant, &items).await;
    tenant.retry(run.id).await.unwrap();
    tenant.catch_up().await;
    let other = tenant.claim_one("w").await;
    tenant.settle(other.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
}
