//! Runs that jobs of other runs start and wait for.

use std::time::Duration;

use mobius_test_support::factories::{RunDraft, Tenant, World, spec};
use mobius_types::{JobStatus, RunId, WorkflowRun, WorkflowRunStatus};
use serde_json::{Value, json};

use crate::{history, invariants, rows, scenes::workflow};

/// A workflow with one step that runs another workflow and gives out what that gave.
pub(crate) fn calls(parameters: Value, more: Value) -> RunDraft {
    let mut step = json!({
        "name": "call", "action": "mobius.run_workflow", "action_kind": "server",
        "parameters": parameters, "store": "got",
    });
    if let Value::Object(more) = more {
        more.into_iter()
            .for_each(|(name, value)| step[name.as_str()] = value);
    }
    let mut draft = workflow(json!([step]));
    draft.spec.outputs =
        serde_json::from_value(json!([{"name": "got", "variable": "got"}])).unwrap();
    draft
}

/// Saves a workflow with one action that doubles what it is given.
pub(crate) async fn save_double(tenant: &Tenant) {
    let double = spec(json!({
        "name": "double",
        "inputs": [{"name": "number", "type": "integer"}],
        "steps": [{"name": "only", "action": "double", "store": "answer",
                   "parameters": {"number": "${inputs.number}"}}],
        "outputs": [{"name": "answer", "variable": "answer"}],
    }));
    tenant.save_workflow("double", double).await;
}

pub(crate) fn double(number: i64) -> Value {
    json!({"workflow": "double", "inputs": {"number": number}})
}

/// The children of a run, oldest first.
async fn children(tenant: &Tenant, run: RunId) -> Vec<WorkflowRun> {
    let ids: Vec<sqlx::types::Uuid> = rows::of_run(
        tenant,
        run,
        "select array(select id from runs where project_id = $1 and parent_run_id = $2 order by id)",
    )
    .await;
    let mut runs = Vec::new();
    for id in ids {
        runs.push(tenant.run(id.into()).await.run);
    }
    runs
}

/// The one child of a run.
async fn child(tenant: &Tenant, run: RunId) -> WorkflowRun {
    let mut children = children(tenant, run).await;
    assert_eq!(children.len(), 1, "{children:?}");
    children.remove(0)
}

async fn result(tenant: &Tenant, run: RunId) -> Value {
    let ended = tenant.run(run).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Completed, "{ended:?}");
    rows::of_run(
        tenant,
        run,
        "select result from runs where project_id = $1 and id = $2",
    )
    .await
}

/// Why the run failed.
pub(crate) async fn error(tenant: &Tenant, run: RunId) -> String {
    let ended = tenant.run(run).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Failed, "{ended:?}");
    ended.error_message.unwrap()
}

#[tokio::test]
async fn a_parent_waits_for_its_child_and_gets_its_outputs() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parent = tenant.start(calls(double(21), json!({}))).await;
    tenant.catch_up().await;
    assert_eq!(tenant.status(parent.id).await, WorkflowRunStatus::Running);
    let begun = child(tenant, parent.id).await;
    assert_eq!(begun.workflow_name, "double");
    assert_eq!(begun.queue, parent.queue);
    assert_eq!(begun.actor_id, parent.actor_id);
    assert_eq!(begun.initiated_by.unwrap(), format!("run {}", parent.id));
    let held = tenant.claim("w", 10).await;
    assert_eq!(
        held.len(),
        1,
        "nobody may claim what the control plane runs"
    );
    assert_eq!(held[0].job.parameters["number"], json!(21));
    tenant.settle(held[0].completed(&json!(42))).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(
        result(tenant, parent.id).await,
        json!({"got": {"answer": 42}})
    );
    let job = tenant.newest_job(parent.id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Completed, 1));
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_child_that_ends_at_once_ends_its_parent() {
    let world = World::create().await;
    let tenant = world.tenant();
    let nothing = spec(json!({
        "name": "nothing",
        "steps": [{"name": "none", "action": "none", "each": {"items": []}, "store": "all"}],
        "outputs": [{"name": "all", "variable": "all"}],
    }));
    tenant.save_workflow("nothing", nothing).await;
    let parent = tenant
        .start(calls(json!({"workflow": "nothing"}), json!({})))
        .await;
    tenant.catch_up().await;
    assert_eq!(result(tenant, parent.id).await, json!({"got": {"all": []}}));
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_child_that_fails_fails_the_job_that_waits_for_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parent = tenant.start(calls(double(1), json!({}))).await;
    tenant.catch_up().await;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
    tenant.catch_up().await;
    let message = error(tenant, parent.id).await;
    let child = child(tenant, parent.id).await.id;
    assert!(
        message.contains("child_failed") && message.contains(&child.to_string()),
        "{message}"
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn what_cannot_be_started_fails_the_job_with_what_is_wrong() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    for (parameters, expected) in [
        (json!({"workflow": "other"}), "there is no `other`"),
        (
            json!({"workflow": "${'no' + 'ne'}", "version": 2}),
            "there is no `none` with version 2",
        ),
        (json!({"workflow": "double"}), "number"),
        (
            json!({"workflow": "double", "inputs": "${'x'}"}),
            "inputs: is not an object, but of type string",
        ),
        (
            json!({"workflow": "double", "queue": "${' '}"}),
            "queue: is blank",
        ),
        (
            json!({"workflow": "double", "external_id": "${[1].map(x, 'é')[0] == 'é'}"}),
            "external_id: is not a text, but of type boolean",
        ),
        (
            json!({"workflow": "double", "metadata": {"a": "${1 + 1}", "b": "x"}}),
            "metadata.a: is not a text, but of type int",
        ),
        (
            json!({"workflow": "double", "queue": format!("${{'{}'}}", "q".repeat(256))}),
            "queue: has more than 255 characters",
        ),
        (
            json!({"workflow": "double", "external_id": format!("${{'{}'}}", "x".repeat(256))}),
            "external_id: has more than 255 characters",
        ),
    ] {
        let parent = tenant.start(calls(parameters, json!({}))).await;
        tenant.catch_up().await;
        let message = error(tenant, parent.id).await;
        assert!(message.contains("invalid_parameters"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_cancellation_goes_down_to_all_that_came_of_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    tenant
        .save_workflow("middle", calls(double(1), json!({})).spec)
        .await;
    let parent = tenant
        .start(calls(json!({"workflow": "middle"}), json!({})))
        .await;
    tenant.catch_up().await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(parent.id).await.unwrap();
    tenant.catch_up().await;
    assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
    // It waits for the worker at the very bottom.
    assert_eq!(tenant.status(parent.id).await, WorkflowRunStatus::Running);
    tenant.settle(held.failed("cancelled")).await.unwrap();
    tenant.catch_up().await;
    let message = error(tenant, parent.id).await;
    assert!(message.contains("cancelled by a test"), "{message}");
    let middle = child(tenant, parent.id).await;
    let message = error(tenant, middle.id).await;
    assert!(
        message.contains(&format!("its parent run {}", parent.id)),
        "{message}"
    );
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_leaves_its_child_behind() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let more = json!({"retry": [{"max_retries": 1, "base_delay": "0s", "timeout": "1m"}]});
    let parent = tenant.start(calls(double(1), more)).await;
    tenant.catch_up().await;
    tenant.advance_clock(Duration::from_secs(61)).await;
    let spent = mobius_store::jobs::spent_attempts(&mut *tenant.connection().await, &[], 10).await;
    for overdue in spent.unwrap() {
        let ending = mobius_store::jobs::Ending::TimedOut {
            attempt: overdue.attempt,
        };
        let job = overdue.job;
        tenant
            .settle(mobius_store::jobs::Settlement { job, ending })
            .await
            .unwrap();
    }
    tenant.catch_up().await;
    let both = children(tenant, parent.id).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0].status, WorkflowRunStatus::Failed);
    let held = tenant.claim_one("w").await;
    assert_eq!(held.job.run, both[1].id);
    tenant.settle(held.completed(&json!(2))).await.unwrap();
    tenant.catch_up().await;
    assert_eq!(
        result(tenant, parent.id).await,
        json!({"got": {"answer": 2}})
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_workflow_that_runs_itself_ends_at_the_depth_that_is_allowed() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant
        .save_workflow("again", calls(json!({"workflow": "again"}), json!({})).spec)
        .await;
    let parent = tenant
        .start(calls(json!({"workflow": "again"}), json!({})))
        .await;
    tenant.catch_up().await;
    let message = error(tenant, parent.id).await;
    assert!(message.contains("limit_exceeded"), "{message}");
    let runs: i64 = rows::value(tenant, "select count(*) from runs where project_id = $1").await;
    assert_eq!(runs, 21);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn each_item_can_be_a_child() {
    let world = World::create().await;
    let tenant = world.tenant();
    save_double(tenant).await;
    let parameters = json!({"workflow": "double", "inputs": {"number": "${state.item}"}});
    let more = json!({"each": {"items": [1, 2, 3, 4, 5], "max_concurrency": 2}});
    let parent = tenant.start(calls(parameters, more)).await;
    tenant.catch_up().await;
    for _ in 0..5 {
        let begun = children(tenant, parent.id).await;
        let live = begun.iter().filter(|run| !run.status.is_terminal());
        assert!((1..=2).contains(&live.count()), "{begun:?}");
        let held = tenant.claim_one("w").await;
        let number = held.job.parameters["number"].as_i64().unwrap();
        tenant
            .settle(held.completed(&json!(2 * number)))
            .await
            .unwrap();
        tenant.catch_up().await;
    }
    let answers: Vec<Value> = (1..=5)
        .map(|number| json!({"answer": 2 * number}))
        .collect();
    assert_eq!(result(tenant, parent.id).await, json!({"got": answers}));
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}
