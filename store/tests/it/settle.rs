//! Settling: a worker's report counts once, and only from whoever holds the lease.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use mobius_store::{
    Error, Ring,
    jobs::{Ending, Settlement},
};
use mobius_test_support::factories::{Held, RunDraft, World, spec, two_steps};
use mobius_types::{JobId, JobStatus, UserId, WorkflowRunStatus};
use serde_json::json;

use crate::{history, rows};

/// The worker's report under another fence.
fn with_fence(held: &Held, change: impl FnOnce(&mut Held)) -> Settlement {
    let mut changed = held.clone();
    change(&mut changed);
    changed.completed(&json!("not mine"))
}

#[tokio::test]
async fn a_completed_job_moves_its_run_on_to_the_end() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(two_steps())).await;

    let first = tenant.claim_one("w").await;
    tenant.settle(first.completed(&json!(1))).await.unwrap();
    let after_first = tenant.run(run.id).await;
    assert_eq!(after_first.run.status, WorkflowRunStatus::Running);
    assert_eq!(after_first.jobs.len(), 2);

    let second = tenant.claim_one("w").await;
    assert_eq!(second.job.step_name, "second");
    tenant.settle(second.completed(&json!(2))).await.unwrap();
    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Completed);
    assert_eq!(ended.run.completed_at, Some(ended.run.updated_at));
    assert_eq!(ended.run.error_message, None);
    assert!(ended.result_b64.is_some());
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_report_can_be_repeated_but_not_changed() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 2).await;
    let [completed, failed] = tenant.claim("w", 2).await.try_into().unwrap();

    tenant
        .settle(completed.completed(&json!("first")))
        .await
        .unwrap();
    tenant.settle(failed.failed("broken")).await.unwrap();
    let events = history::count_frames(tenant, "action_appended").await;
    for _ in 0..2 {
        tenant
            .settle(completed.completed(&json!("second")))
            .await
            .unwrap();
        let changed = tenant.settle(completed.failed("broken")).await;
        assert!(matches!(changed, Err(Error::LeaseLost)), "{changed:?}");

        tenant.settle(failed.failed("otherwise")).await.unwrap();
        let changed = tenant.settle(failed.completed(&json!(1))).await;
        assert!(matches!(changed, Err(Error::LeaseLost)), "{changed:?}");
    }
    assert_eq!(
        history::count_frames(tenant, "action_appended").await,
        events
    );
    let kept: Vec<u8> = rows::value(
        tenant,
        "select result from jobs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(kept, b"\"first\"");
    let failed = tenant.newest_job(failed.job.run).await;
    assert_eq!(failed.status, JobStatus::Failed);
}

#[tokio::test]
async fn only_the_holder_of_the_lease_settles_a_job() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;

    for stranger in [
        with_fence(&held, |held| held.fence.worker = "v".to_owned()),
        with_fence(&held, |held| held.fence.attempt = 0),
        with_fence(&held, |held| held.fence.attempt = 2),
        with_fence(&held, |held| held.fence.actor = UserId::generate()),
    ] {
        let settled = tenant.settle(stranger).await;
        assert!(matches!(settled, Err(Error::LeaseLost)), "{settled:?}");
    }
    let unknown = with_fence(&held, |held| held.fence.job = JobId::generate());
    let settled = tenant.settle(unknown).await;
    assert!(matches!(settled, Err(Error::NotFound("job"))));
    let settled = other.settle(held.completed(&json!(1))).await;
    assert!(matches!(settled, Err(Error::NotFound("job"))));

    assert_eq!(tenant.newest_job(run.id).await.status, JobStatus::Claimed);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
}

#[tokio::test]
async fn a_job_that_was_never_claimed_can_not_be_settled() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let job = tenant.newest_job(run.id).await;
    for ending in [
        Ending::LeaseExpired { attempt: 0 },
        Ending::LeaseExpired { attempt: 1 },
        Ending::TimedOut { attempt: 0 },
    ] {
        let settled = tenant
            .settle(Settlement {
                job: job.id,
                ending,
            })
            .await;
        assert!(matches!(settled, Err(Error::LeaseLost)), "{settled:?}");
    }
}

#[tokio::test]
async fn a_run_whose_state_is_unreadable_fails_alone_in_its_batch() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 40).await;
    let held = tenant.claim("w", 40).await;
    let bad = held[17].job.run;
    tenant.corrupt(bad).await;

    let reports = held
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    let settled = join_all(reports).await;
    for (held, settled) in held.iter().zip(settled) {
        assert_eq!(settled.is_ok(), held.job.run != bad, "{settled:?}");
    }
    let completed: i64 = rows::value(
        tenant,
        "select count(*) from runs where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(completed, 39);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn a_clause_that_catches_the_failure_takes_the_run_on() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [
            {"name": "risky", "action": "a",
             "catch": [{"error_equals": ["broken"], "next": "repair", "store": "problem"}]},
            {"name": "repair", "action": "b", "parameters": {"why": "${state.problem.error}"}},
        ],
    })));
    let run = tenant.start(draft).await;

    let risky = tenant.claim_one("w").await;
    tenant.settle(risky.failed("broken")).await.unwrap();
    assert_eq!(
        tenant.run(run.id).await.run.status,
        WorkflowRunStatus::Running
    );
    let repair = tenant.claim_one("w").await;
    assert_eq!(repair.job.step_name, "repair");
    assert_eq!(repair.job.parameters["why"], "broken");
    tenant.settle(repair.completed(&json!(1))).await.unwrap();

    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Completed);
    let statuses: Vec<_> = ended.jobs.iter().map(|job| job.status).collect();
    assert_eq!(statuses, [JobStatus::Failed, JobStatus::Completed]);
}

/// Streams that look because of a ring find something.
#[tokio::test]
async fn a_repeated_report_rings_no_bell() {
    let world = World::create().await;
    let tenant = world.tenant();
    let rings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&rings);
    tenant.store.doorbell().on_ring(move |ring| {
        if matches!(ring, Ring::Events(_)) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    let before = rings.load(Ordering::Relaxed);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    let after = rings.load(Ordering::Relaxed);
    assert_eq!(after, before + 1);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    tenant.settle(held.failed("late")).await.unwrap_err();
    assert_eq!(rings.load(Ordering::Relaxed), after);
}
