//! Projects whose rows are held by somebody else: they must not delay the others.

use std::time::Duration;

use mobius_scheduler::run;
use mobius_test_support::factories::{RunDraft, Tenant, World, spec};
use mobius_types::{RunId, WorkflowRun, WorkflowRunStatus};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// More than one look finds.
const HELD: usize = 1_100;

fn sleeper(duration: &str) -> RunDraft {
    RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "rest", "sleep": {"duration": duration}}],
    })))
}

async fn until_completed(tenant: &Tenant, run: RunId) -> WorkflowRun {
    let completed = async {
        loop {
            let run = tenant.run(run).await.run;
            if run.status == WorkflowRunStatus::Completed {
                return run;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), completed)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_held_run_delays_no_timer_of_another_project() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    let runs = tenant.start_many(&sleeper("1h"), HELD).await;
    tenant.advance_clock(Duration::from_secs(3_600)).await;
    let stop = CancellationToken::new();
    let meanwhile = async {
        let scheduler = tokio::spawn(run(tenant.store.clone(), stop.clone()));
        tenant.until_somebody_waits().await;
        let started = other.start(sleeper("100ms")).await;
        (until_completed(&other, started.id).await, scheduler)
    };
    let (ended, scheduler) = tenant.while_runs_are_held(meanwhile).await;
    let took = ended.completed_at.unwrap() - ended.created_at;
    assert!(took.num_milliseconds() < 1_100, "{took}");

    for run in runs {
        until_completed(tenant, run.id).await;
    }
    stop.cancel();
    scheduler.await.unwrap();
}
