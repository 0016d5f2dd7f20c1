//! Timers: fired in time, many at once, by several schedulers, and past rows that can't be read.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_scheduler::{run, tick_all};
use mobius_test_support::factories::{RunDraft, World, spec};
use mobius_types::WorkflowRunStatus;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3_600);

fn sleeper(duration: &str) -> RunDraft {
    RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "rest", "sleep": {"duration": duration}}],
    })))
}

#[tokio::test]
async fn ten_thousand_timers_that_are_due_at_once_are_soon_fired() {
    const TIMERS: usize = 10_000;
    let world = World::create().await;
    let tenant = world.tenant();
    for _ in 0..TIMERS / 2_000 {
        tenant.start_many(&sleeper("1h"), 2_000).await;
    }
    tenant.advance_clock(HOUR).await;
    let begun = Instant::now();
    let mut fired = 0;
    while fired < TIMERS as u64 {
        fired += tick_all(&tenant.store).await.unwrap().done;
    }
    let took = begun.elapsed();
    eprintln!("{TIMERS} timers fired in {took:?}");
    assert_eq!(fired, TIMERS as u64);
    // A tenth of this on an idle machine.
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(tenant.due_timers().await.is_empty());
}

#[tokio::test]
async fn two_schedulers_fire_each_timer_once() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant(), world.replica());
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [
            {"name": "rest", "sleep": {"duration": "1h"}, "next": [{"step": "act"}]},
            {"name": "act", "action": "act"},
        ],
    })));
    tenant.start_many(&draft, 200).await;
    tenant.advance_clock(HOUR).await;
    for ticked in join_all([tick_all(&tenant.store), tick_all(&replica.store)]).await {
        ticked.unwrap();
    }
    assert_eq!(tenant.claim("w", 1_000).await.len(), 200);
}

#[tokio::test]
async fn an_unreadable_run_does_not_hide_the_timers_behind_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    let poison = tenant.start(sleeper("1h")).await;
    tenant.corrupt(poison.id).await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    tenant.start_many(&sleeper("1h"), 1_200).await;
    tenant.advance_clock(HOUR).await;

    let first = tick_all(&tenant.store).await.unwrap();
    assert_eq!(first.done, 999, "all but the unreadable one");
    assert!(first.has_more);
    let second = tick_all(&tenant.store).await.unwrap();
    assert_eq!(second.done, 201);
    // It is tried again later.
    assert!(tenant.due_timers().await.is_empty());
    tenant.advance_clock(Duration::from_secs(61)).await;
    assert_eq!(tenant.due_timers().await.len(), 1);
}

#[tokio::test]
async fn a_timer_fires_within_a_second_of_its_time() {
    let world = World::create().await;
    let tenant = world.tenant();
    let stop = CancellationToken::new();
    let scheduler = tokio::spawn(run(tenant.store.clone(), stop.clone()));
    let started = tenant.start(sleeper("100ms")).await;
    let ended = async {
        loop {
            let run = tenant.run(started.id).await.run;
            if run.status == WorkflowRunStatus::Completed {
                return run;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .unwrap();
    let took = ended.completed_at.unwrap() - started.created_at;
    assert!(took.num_milliseconds() >= 100, "{took}");
    assert!(took.num_milliseconds() < 1_100, "{took}");
    stop.cancel();
    scheduler.await.unwrap();
}

#[tokio::test]
async fn a_run_with_thousands_of_due_timers_delays_no_other() {
    let world = World::create().await;
    let tenant = world.tenant();
    let branches = vec![json!({"step": "rest"}); 1_500];
    let heavy = RunDraft::of(spec(json!({
        "name": "heavy",
        "steps": [
            {"name": "fork", "sleep": {"duration": "0s"}, "next": branches},
            {"name": "rest", "sleep": {"duration": "1h"}},
        ],
    })));
    tenant.start(heavy).await;
    tenant.advance_clock(Duration::from_secs(1)).await;
    let other = tenant.start(sleeper("1h")).await;
    tenant.advance_clock(HOUR).await;

    let first = tick_all(&tenant.store).await.unwrap();
    assert_eq!(first.done, 1_000);
    assert_eq!(
        tenant.run(other.id).await.run.status,
        WorkflowRunStatus::Completed
    );
    assert_eq!(tick_all(&tenant.store).await.unwrap().done, 501);
}
