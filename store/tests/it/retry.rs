//! Failed attempts: retried after a delay, kept as history, ended by the clock.

use std::time::Duration;

use mobius_store::{Error, jobs::spent_attempts};
use mobius_test_support::factories::{RunDraft, World, spec};
use mobius_types::{JobStatus, WorkflowRunStatus};
use serde_json::{Value, json};

use crate::{history, rows};

fn retried(policy: Value) -> RunDraft {
    RunDraft::of(spec(json!({
        "name": "w", "steps": [{"name": "only", "action": "echo", "retry": [policy]}],
    })))
}

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_failed_attempt_is_followed_by_another_one_when_its_delay_is_over() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = retried(json!({"max_retries": 2, "base_delay": "1h", "backoff_rate": 2}));
    let run = tenant.start(draft).await;

    for (attempt, delay) in [(1, HOUR), (2, 2 * HOUR)] {
        let held = tenant.claim_one("w").await;
        assert_eq!(held.job.attempt, attempt);
        tenant.settle(held.failed("broken")).await.unwrap();
        let job = tenant.newest_job(run.id).await;
        assert_eq!(job.status, JobStatus::Pending);
        assert_eq!(
            job.scheduled_at - job.updated_at,
            chrono::Duration::from_std(delay).unwrap()
        );
        assert!(job.last_error.unwrap().contains("as the test wants it"));

        tenant.advance_clock(delay - MINUTE).await;
        assert!(tenant.claim("w", 1).await.is_empty());
        tenant.advance_clock(MINUTE).await;
    }
    let last = tenant.claim_one("w").await;
    assert_eq!(last.job.attempt, 3);
    tenant.settle(last.failed("broken")).await.unwrap();

    let ended = tenant.run(run.id).await;
    assert_eq!(ended.run.status, WorkflowRunStatus::Failed);
    assert_eq!(ended.jobs[0].status, JobStatus::Failed);
    assert_eq!(ended.jobs[0].attempt, 3);
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn every_attempt_that_another_one_followed_is_kept() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(retried(json!({"base_delay": "0s"}))).await;
    for (worker, error) in [("ann", "first"), ("bob", "second")] {
        let held = tenant.claim_one(worker).await;
        tenant.settle(held.failed(error)).await.unwrap();
    }
    let last = tenant.claim_one("cyd").await;
    tenant.settle(last.completed(&json!(1))).await.unwrap();

    let kept: Vec<String> = rows::value(
        tenant,
        "select array_agg(concat_ws(' ', attempt, worker_id, error_type) order by attempt)
         from job_attempts
         where project_id = $1 and reported_by is not null and claimed_at <= ended_at",
    )
    .await;
    assert_eq!(kept, ["1 ann first", "2 bob second"]);
}

#[tokio::test]
async fn the_report_of_an_earlier_attempt_can_be_repeated_but_not_changed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(retried(json!({"base_delay": "0s"}))).await;
    let first = tenant.claim_one("w").await;
    tenant.settle(first.failed("broken")).await.unwrap();

    // Before the next claim, and after it.
    for _ in 0..2 {
        tenant.settle(first.failed("broken")).await.unwrap();
        let changed = tenant.settle(first.completed(&json!(1))).await;
        assert!(matches!(changed, Err(Error::LeaseLost)), "{changed:?}");
        let mut stranger = first.clone();
        stranger.fence.worker = "v".to_owned();
        let strange = tenant.settle(stranger.failed("broken")).await;
        assert!(matches!(strange, Err(Error::LeaseLost)), "{strange:?}");
        tenant.claim("w", 1).await;
    }
    let job = tenant.newest_job(run.id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Claimed, 2));
    let attempts: i64 = rows::value(
        tenant,
        "select count(*) from job_attempts where project_id = $1",
    )
    .await;
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn the_same_failure_twice_in_one_batch_spends_one_retry() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(retried(json!({"base_delay": "0s"}))).await;
    let held = tenant.claim_one("w").await;
    let reports = [(); 3].map(|()| tenant.settle(held.failed("broken")));
    for settled in futures_util::future::join_all(reports).await {
        settled.unwrap();
    }
    let job = tenant.newest_job(run.id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Pending, 1));
    assert_eq!(tenant.claim_one("w").await.job.attempt, 2);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_ends_with_a_timeout() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = retried(json!({"max_retries": 1, "base_delay": "0s", "timeout": "1h"}));
    let run = tenant.start(draft).await;

    for attempt in [1, 2] {
        let held = tenant.claim_one("w").await;
        tenant.advance_clock(HOUR - MINUTE).await;
        tenant.heartbeat(&held).await.unwrap();
        let early = tenant.settle(held.timed_out()).await;
        assert!(matches!(early, Err(Error::LeaseLost)), "{early:?}");
        let mut connection = tenant.connection().await;
        assert!(
            spent_attempts(&mut connection, &[], 10)
                .await
                .unwrap()
                .is_empty()
        );

        tenant.advance_clock(MINUTE).await;
        // It is alive, and that does not save it.
        tenant.heartbeat(&held).await.unwrap();
        let spent = spent_attempts(&mut connection, &[], 10).await.unwrap();
        assert_eq!(spent.len(), 1);
        assert_eq!((spent[0].job, spent[0].attempt), (held.job.id, attempt));
        tenant.settle(held.timed_out()).await.unwrap();

        // Also a report that agrees: nobody has taken it.
        for late in [held.completed(&json!(1)), held.failed("late")] {
            let late = tenant.settle(late).await;
            assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
        }
        assert!(tenant.heartbeat(&held).await.is_err());
    }
    let ended = tenant.run(run.id).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Failed);
    let message = ended.error_message.unwrap();
    assert!(message.contains("timeout"), "{message}");
    history::assert_dense(tenant).await;
}
