//! Starting runs: from saved workflows and inline specs, many at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use mobius_store::{
    Error,
    workflows::{self, WorkflowChange},
};
use mobius_test_support::factories::{RunDraft, World, one_step, spec, two_steps};
use mobius_types::{JobStatus, WorkflowId, WorkflowRunStatus};
use serde_json::json;

use crate::{history, rows};

#[tokio::test]
async fn an_inline_run_is_stored_as_it_was_asked_for() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft {
        queue: "fast".to_owned(),
        metadata: Some(BTreeMap::from([("team".to_owned(), "a".to_owned())])),
        external_id: Some("order-1".to_owned()),
        ..RunDraft::default()
    };
    let answered = tenant.start(draft).await;
    let stored = tenant.run(answered.id).await;
    assert_eq!(stored.spec, Some(one_step()));
    assert_eq!(stored.jobs.len(), 1);
    assert_eq!(stored.jobs[0].status, JobStatus::Pending);
    assert_eq!(stored.jobs[0].queue, "fast");

    let run = stored.run;
    assert_eq!(run.status, WorkflowRunStatus::Queued);
    assert_eq!(
        (run.ephemeral, run.definition_version),
        (Some(true), Some(0))
    );
    assert_eq!(run.workflow_name, "one-step");
    assert_eq!(run.external_id.as_deref(), Some("order-1"));
    assert_eq!(run.started_at, None);
    assert_eq!(
        serde_json::to_value(&run).unwrap(),
        serde_json::to_value(&answered).unwrap(),
        "the answer is what was stored"
    );
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_run_takes_the_newest_version_of_its_workflow_and_keeps_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    let workflow = tenant.save_workflow("billing", one_step()).await;
    let old = tenant.start(RunDraft::of_workflow(workflow.id)).await;
    assert_eq!(old.definition_version, Some(1));

    let change = WorkflowChange {
        name: None,
        description: None,
        published_as_tool: None,
        spec: Some(tenant.prepare(two_steps()).await),
    };
    let mut connection = tenant.connection().await;
    workflows::update(
        &mut connection,
        tenant.project,
        workflow.id,
        tenant.user,
        change,
    )
    .await
    .unwrap()
    .unwrap();

    let new = tenant.start(RunDraft::of_workflow(workflow.id)).await;
    assert_eq!(new.definition_version, Some(2));
    assert_eq!(new.definition_id, Some(workflow.id));
    assert_eq!(new.workflow_name, "billing");
    for held in tenant.claim("w", 2).await {
        assert_eq!(held.job.workflow_handle, "billing");
        tenant.settle(held.completed(&json!(1))).await.unwrap();
    }
    // One step was all of version 1, and half of version 2.
    assert_eq!(
        tenant.run(old.id).await.run.status,
        WorkflowRunStatus::Completed
    );
    assert_eq!(
        tenant.run(new.id).await.run.status,
        WorkflowRunStatus::Running
    );
}

#[tokio::test]
async fn an_unknown_workflow_fails_alone_in_its_batch() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    let foreign = other.save_workflow("foreign", one_step()).await;
    let known = tenant.save_workflow("known", one_step()).await;
    let mut starts = Vec::new();
    for id in [
        known.id,
        WorkflowId::generate(),
        known.id,
        foreign.id,
        known.id,
    ] {
        starts.push(RunDraft::of_workflow(id).prepare(tenant).await);
    }
    let starts = starts
        .into_iter()
        .map(|start| tenant.store.start_run(tenant.project, start));
    let started = join_all(starts).await;
    let good: Vec<_> = started.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, false, true]);
    let unknown = started[1].as_ref().unwrap_err();
    assert!(
        matches!(unknown, Error::NotFound("workflow")),
        "{unknown:?}"
    );
    let stored: i64 = rows::value(tenant, "select count(*) from runs where project_id = $1").await;
    assert_eq!(stored, 3);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn refused_inputs_fail_alone_in_their_batch() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "inputs": [{"name": "count", "type": "integer"}],
        "steps": [{"name": "only", "action": "echo"}],
    })));
    let mut starts = Vec::new();
    for inputs in [
        json!({"count": 1}),
        json!({}),
        json!({"count": "x"}),
        json!({"count": 2}),
    ] {
        let inputs = inputs.as_object().unwrap().clone();
        let draft = RunDraft {
            inputs,
            ..draft.clone()
        };
        starts.push(draft.prepare(tenant).await);
    }
    let starts = starts
        .into_iter()
        .map(|start| tenant.store.start_run(tenant.project, start));
    let started = join_all(starts).await;
    let good: Vec<_> = started.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, false, true]);
    assert!(matches!(started[1], Err(Error::Invalid(_))));
    let stored: i64 = rows::value(tenant, "select count(*) from runs where project_id = $1").await;
    assert_eq!(stored, 2);
}

#[tokio::test]
async fn a_first_step_that_can_not_be_prepared_fails_the_run_at_its_start() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(RunDraft::of(spec(json!({
            "name": "w",
            "steps": [{"name": "only", "action": "echo", "parameters": {"x": "${state.missing}"}}],
        }))))
        .await;
    assert_eq!(run.status, WorkflowRunStatus::Failed);
    let stored = tenant.run(run.id).await;
    assert!(stored.jobs.is_empty());
    assert_eq!(stored.run.completed_at, Some(stored.run.created_at));
    assert!(stored.run.error_message.unwrap().contains("missing"));
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_hundred_starts_share_one_transaction_and_one_spec() {
    let world = World::create().await;
    let tenant = world.tenant();
    // On this single-threaded runtime all of them are submitted before the first batch is taken.
    let runs = tenant.start_many(&RunDraft::default(), 100).await;
    assert_eq!(runs.len(), 100);
    let transactions: i64 = rows::value(
        tenant,
        "select count(distinct created_at) from runs where project_id = $1",
    )
    .await;
    assert_eq!(transactions, 1);

    world.replica().start_many(&RunDraft::default(), 10).await;
    let specs: i64 = rows::value(tenant, "select count(*) from specs where project_id = $1").await;
    assert_eq!(specs, 1);
    assert_eq!(tenant.claim("w", 200).await.len(), 110);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn more_starts_than_a_batch_holds_all_succeed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let runs = tenant.start_many(&RunDraft::default(), 450).await;
    let stored: i64 = rows::value(tenant, "select count(*) from runs where project_id = $1").await;
    assert_eq!((runs.len(), stored), (450, 450));
    history::assert_dense(tenant).await;
}
