//! Two who end the same attempt at once: exactly one of them moves the run.

use std::time::Duration;

use mobius_store::Error;
use mobius_test_support::factories::{Held, RunDraft, Tenant, World, two_steps};
use mobius_types::JobStatus;
use serde_json::json;

use crate::{history, race, rows};

/// Longer than a lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);

/// Claimed first jobs of runs with two steps, one a round.
async fn claimed_rounds(tenant: &Tenant) -> Vec<Held> {
    let draft = RunDraft::of(two_steps());
    tenant.start_many(&draft, race::ROUNDS).await;
    let held = tenant.claim("w", race::ROUNDS).await;
    assert_eq!(held.len(), race::ROUNDS);
    held
}

/// The number of jobs that the project has beside the first ones.
async fn second_steps(tenant: &Tenant) -> usize {
    let count: i64 = rows::value(
        tenant,
        "select count(*) from jobs where project_id = $1 and step_name = 'second'",
    )
    .await;
    usize::try_from(count).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_arrives_twice_at_once_moves_the_run_once() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    for (round, held) in claimed_rounds(&tenant).await.into_iter().enumerate() {
        let report = held.completed(&json!(round));
        let (one, other) = (tenant.clone(), replica.clone());
        let (again, on_other) = (report.clone(), report);
        let (one, other) = race::both(
            round % 2 == 0,
            async move { one.settle(again).await },
            async move { other.settle(on_other).await },
        )
        .await;
        assert!(one.is_ok() && other.is_ok(), "{one:?}, {other:?}");
    }
    assert_eq!(second_steps(&tenant).await, race::ROUNDS);
    let ended = history::count_frames(&tenant, "action_appended").await;
    assert_eq!(usize::try_from(ended).unwrap(), race::ROUNDS);
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_reports_that_contradict_each_other_exactly_one_counts() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let mut completions = 0;
    for (round, held) in claimed_rounds(&tenant).await.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (good, bad) = (held.completed(&json!(round)), held.failed("broken"));
        let (good, bad) = race::both(
            round % 2 == 0,
            async move { one.settle(good).await },
            async move { other.settle(bad).await },
        )
        .await;
        assert_ne!(good.is_ok(), bad.is_ok(), "round {round}");
        let loser = good.as_ref().err().or(bad.as_ref().err()).unwrap();
        assert!(matches!(loser, Error::LeaseLost), "{loser:?}");
        completions += usize::from(good.is_ok());
    }
    assert_eq!(second_steps(&tenant).await, completions);
    let ended = history::count_frames(&tenant, "action_appended").await;
    assert_eq!(usize::try_from(ended).unwrap(), race::ROUNDS);
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_completed_or_rescued_and_never_both() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let rounds = claimed_rounds(&tenant).await;
    tenant.advance_clock(PAST_THE_LEASE).await;

    let mut completions = 0;
    for (round, held) in rounds.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (report, finding) = (held.completed(&json!(round)), held.expired());
        let (completed, rescued) = race::both(
            round % 2 == 0,
            async move { one.settle(report).await },
            async move { other.settle(finding).await },
        )
        .await;
        assert_ne!(completed.is_ok(), rescued.is_ok(), "round {round}");
        let first = tenant.run(held.job.run).await.jobs.remove(0);
        let expected = if completed.is_ok() {
            JobStatus::Completed
        } else {
            JobStatus::Pending
        };
        assert_eq!(first.status, expected, "round {round}");
        completions += usize::from(completed.is_ok());
    }
    assert_eq!(second_steps(&tenant).await, completions);
    let rescues: i64 = rows::value(
        &tenant,
        "select count(*) from job_attempts where project_id = $1 and error_type = 'lease_expired'",
    )
    .await;
    assert_eq!(
        usize::try_from(rescues).unwrap(),
        race::ROUNDS - completions
    );
    history::assert_dense(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_rescue_a_job_once() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let replica = world.replica();
    let rounds = claimed_rounds(&tenant).await;
    tenant.advance_clock(PAST_THE_LEASE).await;

    for (round, held) in rounds.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (finding, same) = (held.expired(), held.expired());
        let (one, other) = race::both(
            round % 2 == 0,
            async move { one.settle(finding).await },
            async move { other.settle(same).await },
        )
        .await;
        assert_ne!(one.is_ok(), other.is_ok(), "round {round}");
    }
    let rescued: i64 = rows::value(
        &tenant,
        "select count(*) from jobs
         where project_id = $1 and status = 'pending' and rescues = 1 and max_attempts = 2",
    )
    .await;
    assert_eq!(usize::try_from(rescued).unwrap(), race::ROUNDS);
    history::assert_dense(&tenant).await;
}
