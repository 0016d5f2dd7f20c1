//! Timers: sleeps, and waits that take too long.

use std::time::Duration;

use mobius_store::timers::{due, postpone};
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{
    history, invariants, rows,
    scenes::{complete_next, steps, wait_for_go, workflow},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Sleeps an hour, then acts.
fn sleeper() -> RunDraft {
    workflow(json!([
        {"name": "rest", "sleep": {"duration": "1h"}, "next": [{"step": "act"}]},
        {"name": "act", "action": "act"},
    ]))
}

#[tokio::test]
async fn a_sleep_ends_at_its_time_and_not_before() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(sleeper()).await;
    assert_eq!(run.status, WorkflowRunStatus::Suspended);
    tenant.advance_clock(HOUR - Duration::from_secs(60)).await;
    assert_eq!(tenant.fire_due().await, 0);
    tenant.advance_clock(Duration::from_secs(60)).await;
    assert_eq!(tenant.fire_due().await, 1);
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Queued);
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_sleep_of_a_year_survives() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = workflow(json!([{"name": "rest", "sleep": {"duration": "8760h"}}]));
    let run = tenant.start(draft).await;
    tenant.advance_clock(8_760 * HOUR).await;
    // Another process than the one that started it.
    assert_eq!(world.replica().fire_due().await, 1);
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn a_wait_without_a_signal_goes_where_the_author_said() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(wait_for_go()).await;
    tenant.advance_clock(HOUR).await;
    tenant.fire_due().await;
    assert_eq!(steps(tenant, run.id).await, ["late"]);
    // Too late for that wait; there is no other.
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    invariants::assert_hold(tenant).await;
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn a_wait_without_a_signal_and_without_a_way_out_fails_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(workflow(json!([
            {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h"}}])))
        .await;
    tenant.advance_clock(HOUR).await;
    tenant.fire_due().await;
    let ended = tenant.run(run.id).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Failed);
    let message = ended.error_message.unwrap();
    assert!(
        message.contains("timeout") && message.contains("go"),
        "{message}"
    );
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_timer_that_is_found_twice_fires_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(sleeper()).await;
    tenant.advance_clock(HOUR).await;
    let found = tenant.due_timers().await.remove(0);
    for _ in 0..2 {
        tenant.store.fire_timer(found.clone()).await.unwrap();
    }
    assert_eq!(steps(tenant, run.id).await, ["act"]);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn the_timer_of_a_wait_that_is_over_is_gone() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(wait_for_go()).await;
    tenant.signal(run.id, "go", json!(1)).await.unwrap();
    let left: i64 = rows::value(tenant, "select count(*) from timers where project_id = $1").await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_postponed_timer_lets_those_behind_it_come_first() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(sleeper()).await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    tenant.start(sleeper()).await;
    tenant.advance_clock(HOUR).await;
    let mut connection = tenant.connection().await;
    let found = due(&mut connection, &[], 10).await.unwrap();
    postpone(&mut connection, &found[0], HOUR).await.unwrap();
    assert_eq!(
        due(&mut connection, &[], 10).await.unwrap(),
        [found[1].clone()]
    );
    tenant.advance_clock(HOUR).await;
    assert_eq!(due(&mut connection, &[], 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_with_many_due_timers_lets_those_of_others_through() {
    let world = World::create().await;
    let tenant = world.tenant();
    let heavy = workflow(json!([
        {"name": "fork", "sleep": {"duration": "0s"}, "next": vec![json!({"step": "rest"}); 300]},
        {"name": "rest", "sleep": {"duration": "1h"}},
    ]));
    tenant.start(heavy).await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    let other = tenant.start(sleeper()).await;
    tenant.advance_clock(HOUR).await;
    let mut connection = tenant.connection().await;
    let first = due(&mut connection, &[], 101).await.unwrap();
    assert_eq!(first.len(), 101);
    assert_eq!(first[100].run, other.id);
    assert_eq!(due(&mut connection, &[], 1_000).await.unwrap().len(), 301);
}
