//! Cancellation, in every state that a run can be in.

use std::time::Duration;

use mobius_store::{Error, RetryFrom};
use mobius_test_support::factories::{RunDraft, Tenant, World, fork, two_steps};
use mobius_types::{JobStatus, RunId, WorkflowRunStatus};
use serde_json::json;

use crate::{
    history, invariants, rows,
    scenes::{complete_next, joined, retried_at_once, wait_for_go, workflow},
};

const PAST_THE_LEASE: Duration = Duration::from_secs(91);

/// The run has ended because it was cancelled, and nothing of it is left.
async fn assert_cancelled(tenant: &Tenant, run: RunId) {
    let ended = tenant.run(run).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    let message = ended.run.error_message.unwrap();
    assert!(message.contains("cancelled by a test"), "{message}");
    assert!(ended.run.completed_at.is_some());
    assert!(tenant.claim("w", 10).await.is_empty());
    invariants::assert_hold(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_run_that_nobody_claimed_ends_at_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    tenant.cancel(run.id).await.unwrap();
    assert_cancelled(tenant, run.id).await;
    let job = tenant.newest_job(run.id).await;
    assert_eq!(job.status, JobStatus::Failed);
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_run_that_waits_ends_at_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let pause = workflow(json!([{"name": "stop", "pause": {"reason": "look"}}]));
    let rest = workflow(json!([{"name": "rest", "sleep": {"duration": "1h"}}]));
    for draft in [wait_for_go(), pause, rest] {
        let run = tenant.start(draft).await;
        tenant.cancel(run.id).await.unwrap();
        assert_cancelled(tenant, run.id).await;
    }
    let left: i64 = rows::value(tenant, "select count(*) from timers where project_id = $1").await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_worker_that_holds_a_job_is_told_and_the_run_ends_with_its_answer() {
    let world = World::create().await;
    let tenant = world.tenant();
    for completes in [true, false] {
        let run = tenant.start(RunDraft::of(two_steps())).await;
        let held = tenant.claim_one("w").await;
        tenant.cancel(run.id).await.unwrap();
        // To ask again changes nothing.
        tenant.cancel(run.id).await.unwrap();
        assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
        assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
        invariants::assert_hold(tenant).await;
        let report = if completes {
            held.completed(&json!("kept"))
        } else {
            held.failed("cancelled")
        };
        tenant.settle(report).await.unwrap();
        assert_cancelled(tenant, run.id).await;
    }
    let kept: Vec<u8> = rows::value(
        tenant,
        "select result from jobs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(kept, b"\"kept\"");
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn a_worker_that_never_answers_is_covered_by_its_lease() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    tenant.advance_clock(PAST_THE_LEASE).await;
    tenant.settle(held.expired()).await.unwrap();
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn a_claim_that_is_given_back_ends_with_its_lease() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    let fence = held.fence.clone();
    tenant.store.release(tenant.project, fence).await.unwrap();
    // No clock is moved: the lease is over now.
    tenant.settle(held.expired()).await.unwrap();
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn a_failure_that_would_be_tried_again_is_not() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(retried_at_once()).await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    tenant.settle(held.failed("broken")).await.unwrap();
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn a_failure_can_be_reported_again_after_its_next_attempt_was_cancelled() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(retried_at_once()).await;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
    tenant.cancel(run.id).await.unwrap();
    tenant.settle(held.failed("broken")).await.unwrap();
    let changed = tenant.settle(held.completed(&json!(1))).await;
    assert!(matches!(changed, Err(Error::LeaseLost)), "{changed:?}");
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn the_last_of_several_workers_ends_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(joined()).await;
    complete_next(tenant).await;
    let [one, other] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.cancel(run.id).await.unwrap();
    tenant.settle(one.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Running);
    tenant.settle(other.completed(&json!(1))).await.unwrap();
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn what_is_not_claimed_ends_while_workers_still_stop() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(fork())).await;
    complete_next(tenant).await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    assert!(tenant.claim("w", 10).await.is_empty());
    invariants::assert_hold(tenant).await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert_cancelled(tenant, run.id).await;
}

#[tokio::test]
async fn a_run_that_is_being_cancelled_takes_nothing_more() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let _held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    let signal = tenant.signal(run.id, "go", json!(1)).await.map(drop);
    let resumed = tenant.resume(run.id).await;
    for refused in [signal, resumed] {
        let says_so = matches!(
            refused,
            Err(Error::Conflict {
                code: "run_cancelling",
                ..
            })
        );
        assert!(says_so, "{refused:?}");
    }
    let retried = tenant.retry(run.id).await;
    assert!(matches!(
        retried,
        Err(Error::Conflict {
            code: "not_failed",
            ..
        })
    ));
}

#[tokio::test]
async fn a_run_that_has_ended_is_not_cancelled_any_more() {
    let world = World::create().await;
    let tenant = world.tenant();
    let completed = tenant.start(RunDraft::default()).await;
    complete_next(tenant).await;
    let failed = tenant.start(RunDraft::default()).await;
    tenant.cancel(failed.id).await.unwrap();
    for (run, status) in [
        (completed.id, WorkflowRunStatus::Completed),
        (failed.id, WorkflowRunStatus::Failed),
    ] {
        let refused = tenant.cancel(run).await;
        assert!(matches!(refused, Err(Error::RunEnded)), "{refused:?}");
        assert_eq!(tenant.status(run).await, status);
    }
    let unknown = tenant.cancel(RunId::generate()).await;
    assert!(matches!(unknown, Err(Error::NotFound("run"))));
    history::assert_every_run_ended_once(tenant).await;
}

#[tokio::test]
async fn the_history_tells_of_the_request() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let _held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    let told: i64 = rows::value(
        tenant,
        "select count(*) from run_events e cross join jsonb_array_elements(e.frames::jsonb) as frame
         where e.project_id = $1 and frame->>'type' = 'run_updated'
           and frame->'data' @> '{\"status\": \"running\", \"cancel_requested\": true}'",
    )
    .await;
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_run_whose_state_is_lost_ends_with_whatever_is_asked_of_it_next() {
    let world = World::create().await;
    let tenant = world.tenant();
    let lost = [tenant.start(RunDraft::default()).await, {
        tenant.start(RunDraft::default()).await
    }];
    let held = tenant.claim("w", 2).await;
    for run in &lost {
        tenant.lose_state(run.id).await;
    }
    let cancelled = tenant
        .store
        .cancel_run(tenant.project, lost[0].id, "us".to_owned())
        .await;
    assert!(matches!(cancelled, Err(Error::RunEnded)), "{cancelled:?}");
    let other = held.iter().find(|held| held.job.run == lost[1].id).unwrap();
    tenant.settle(other.completed(&json!(1))).await.unwrap();
    for run in &lost {
        let ended = tenant.run(run.id).await.run;
        assert_eq!(ended.status, WorkflowRunStatus::Failed);
        let message = ended.error_message.unwrap();
        assert!(message.starts_with("internal error"), "{message}");
        let retried = tenant
            .store
            .retry_run(tenant.project, run.id, RetryFrom::Start)
            .await;
        let code = match retried {
            Err(Error::Conflict { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code, "run_lost");
    }
}
