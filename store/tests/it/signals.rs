//! Signals: before, during and after the wait, many at once, and to several waits.

use futures_util::future::join_all;
use mobius_store::{Error, Limits, Settings};
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::{JsonObject, RunId, WorkflowRunStatus};
use serde_json::{Value, json};

use crate::{
    history, invariants, rows,
    scenes::{complete_next, two_waits, wait_for_go, work_then_wait, workflow},
};

#[tokio::test]
async fn a_signal_during_the_wait_takes_the_run_on() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(wait_for_go()).await;
    assert_eq!(run.status, WorkflowRunStatus::Suspended);
    tenant.signal(run.id, "other", json!(0)).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);

    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Queued);
    let held = complete_next(tenant).await;
    assert_eq!(held.job.parameters["got"], 1);
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_signal_before_the_wait_is_there_when_the_wait_begins() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(work_then_wait()).await;
    for value in [1, 2] {
        tenant.signal(run.id, "go", json!(value)).await.unwrap();
    }
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
    let held = complete_next(tenant).await;
    assert_eq!(held.job.parameters["got"], 1, "the first one");
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_signal_after_the_wait_stays_stored() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(wait_for_go()).await;
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    tenant.signal(run.id, "go", json!(2)).await.unwrap();
    invariants::assert_hold(tenant).await;
    complete_next(tenant).await;
    let stored: Value = rows::value(
        tenant,
        "select jsonb_agg(payload->'value') from signals
         where project_id = $1 and consumed_at is null",
    )
    .await;
    assert_eq!(stored, json!([2]));
}

#[tokio::test]
async fn a_run_that_has_ended_or_is_not_there_takes_no_signal() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    complete_next(tenant).await;
    let refused = tenant.signal(run.id, "go", json!(1)).await;
    assert!(matches!(refused, Err(Error::RunEnded)), "{refused:?}");
    let unknown = tenant.signal(RunId::generate(), "go", json!(1)).await;
    assert!(matches!(unknown, Err(Error::NotFound("run"))));
    let other = tenant.another_project("other").await;
    let foreign = other.signal(run.id, "go", json!(1)).await;
    assert!(matches!(foreign, Err(Error::NotFound("run"))));
    let stored: i64 =
        rows::value(tenant, "select count(*) from signals where project_id = $1").await;
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn many_signals_at_once_are_consumed_one_a_wait_in_their_order() {
    const COUNT: usize = 60;
    let world = World::create().await;
    let tenant = world.tenant();
    let replica = world.replica();
    let draft = workflow(json!([
        {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h", "store": "got"},
         "next": [{"step": "use"}]},
        {"name": "use", "action": "use", "parameters": {"got": "${state.got.value}"},
         "next": [{"step": "wait"}]},
    ]));
    let run = tenant.start(draft).await;
    let sent = join_all((0..COUNT).map(|value| {
        let sender = if value % 2 == 0 { tenant } else { &replica };
        sender.signal(run.id, "go", json!(value))
    }));
    for sent in sent.await {
        sent.unwrap();
    }
    let mut got = Vec::new();
    for _ in 0..COUNT {
        let held = complete_next(tenant).await;
        got.push(held.job.parameters["got"].clone());
    }
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    let in_order: Value = rows::value(
        tenant,
        "select jsonb_agg(payload->'value' order by seq) from signals
         where project_id = $1 and consumed_at is not null",
    )
    .await;
    assert_eq!(Value::Array(got), in_order);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn several_waits_for_one_name_get_a_signal_each() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(two_waits())).await;
    complete_next(tenant).await;
    tenant.signal(run.id, "go", json!("a")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    tenant.signal(run.id, "go", json!("b")).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    let result: Value = rows::value(tenant, "select result from runs where project_id = $1").await;
    assert_eq!(
        result,
        json!({"left": {"value": "a"}, "right": {"value": "b"}})
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_run_stores_only_so_many_signals() {
    let limits = Limits {
        max_stored_signals: 2,
        ..Limits::default()
    };
    let world = World::with(Settings {
        limits,
        ..Settings::default()
    })
    .await;
    let tenant = world.tenant();
    let run = tenant.start(work_then_wait()).await;
    for value in [1, 2] {
        tenant.signal(run.id, "go", json!(value)).await.unwrap();
    }
    let refused = tenant.signal(run.id, "go", json!(3)).await;
    let Err(Error::Conflict { code, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "too_many_signals");
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_payload_is_stored_as_it_came() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(work_then_wait()).await;
    let payload: JsonObject = serde_json::from_value(json!({
        "a.b": 1, "*": null, " ": [1.5, {"": "\u{2028}"}], "ü": "ü",
    }))
    .unwrap();
    tenant
        .store
        .send_signal(tenant.project, run.id, "a.* b".to_owned(), payload.clone())
        .await
        .unwrap();
    let stored: Value =
        rows::value(tenant, "select payload from signals where project_id = $1").await;
    assert_eq!(stored, Value::Object(payload));
}
