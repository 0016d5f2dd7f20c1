//! A cancellation against everything else that can happen to a run at the same time. Two replicas
//! take part in each round.

use mobius_store::{
    Error,
    jobs::{ClaimFilter, ClaimSlot, LaneMarks, claim},
    runs::{RunFilter, ids_matching},
};
use mobius_test_support::factories::{Held, RunDraft, Tenant, World, fork, two_steps};
use mobius_types::WorkflowRunStatus;
use serde_json::json;
use sqlx::Connection;

use crate::{
    history, invariants, race, rows,
    scenes::{completing, retried_at_once, wait_for_go},
};

const ROUNDS: usize = 1_000;

/// Runs whose first job is claimed, one a round.
async fn claimed(tenant: &Tenant, draft: &RunDraft) -> Vec<Held> {
    tenant.start_many(draft, ROUNDS).await;
    let held = tenant.claim("w", ROUNDS).await;
    assert_eq!(held.len(), ROUNDS);
    held
}

/// Every run but so many was cancelled; nothing is stuck, and nothing can be claimed.
async fn assert_cancelled_but(tenant: &Tenant, completed: usize) {
    let cancelled: i64 = rows::value(
        tenant,
        "select count(*) from runs where project_id = $1 and status = 'failed'
             and error_message like '%cancelled by a test%'",
    )
    .await;
    assert_eq!(usize::try_from(cancelled).unwrap(), ROUNDS - completed);
    assert!(tenant.claim("w", ROUNDS).await.is_empty());
    invariants::assert_hold(tenant).await;
    history::assert_every_run_ended_once(tenant).await;
    history::assert_dense(tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_completes_while_it_is_cancelled_ends_one_way() {
    let world = World::create().await;
    let tenant = world.tenant();
    let held = claimed(tenant, &RunDraft::default()).await;
    let mut completed = 0;
    for cancelled in race::reports_against_cancellations(&world, completing(&held)).await {
        match cancelled {
            Ok(()) => {}
            Err(Error::RunEnded) => completed += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(
        0 < completed && completed < ROUNDS,
        "one side always won: {completed}"
    );
    assert_cancelled_but(tenant, completed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_next_job_survives_a_cancellation() {
    let world = World::create().await;
    let held = claimed(world.tenant(), &RunDraft::of(two_steps())).await;
    let reports = completing(&held);
    for cancelled in race::reports_against_cancellations(&world, reports).await {
        cancelled.unwrap();
    }
    assert_cancelled_but(world.tenant(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_next_attempt_survives_a_cancellation() {
    let world = World::create().await;
    let held = claimed(world.tenant(), &retried_at_once()).await;
    let reports = held
        .iter()
        .map(|held| (held.failed("broken"), held.job.run));
    for cancelled in race::reports_against_cancellations(&world, reports).await {
        cancelled.unwrap();
    }
    assert_cancelled_but(world.tenant(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_branch_survives_a_cancellation_while_the_run_forks() {
    let world = World::create().await;
    let held = claimed(world.tenant(), &RunDraft::of(fork())).await;
    let reports = completing(&held);
    for cancelled in race::reports_against_cancellations(&world, reports).await {
        cancelled.unwrap();
    }
    assert_cancelled_but(world.tenant(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_meets_a_cancellation_is_told_or_gets_nothing() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    // The second job of each run, because a claim does not lock a run that is running already.
    let draft = RunDraft::of(two_steps());
    for held in claimed(&tenant, &draft).await {
        tenant.settle(held.completed(&json!(1))).await.unwrap();
    }
    let runs: Vec<_> = {
        let filter = RunFilter::default();
        let mut connection = tenant.connection().await;
        let limit = i64::try_from(ROUNDS).unwrap();
        let found = ids_matching(&mut connection, tenant.project, &filter, limit).await;
        found.unwrap()
    };
    assert_eq!(runs.len(), ROUNDS);
    let mut hits = 0;
    // Claims go from the oldest run to the newest.
    for (round, run) in runs.into_iter().rev().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (claimed, cancelled) = race::both(
            round % 2 == 0,
            async move { one.claim("w", 1).await },
            async move { other.cancel(run).await },
        )
        .await;
        cancelled.unwrap();
        // The claim may have passed over this run's job, and taken the next one's.
        for held in claimed {
            if held.job.run == run {
                hits += 1;
                assert_eq!(tenant.status(run).await, WorkflowRunStatus::Running);
                assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
                tenant.settle(held.completed(&json!(1))).await.unwrap();
            } else {
                let fence = held.fence.clone();
                tenant.store.release(tenant.project, fence).await.unwrap();
            }
        }
    }
    assert!(0 < hits && hits < ROUNDS, "one side always won: {hits}");
    assert_cancelled_but(&tenant, 0).await;
}

#[tokio::test]
async fn a_cancellation_waits_for_a_claim_that_is_in_flight() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let run = tenant.start(RunDraft::of(two_steps())).await.id;
    let first = tenant.claim_one("w").await;
    tenant.settle(first.completed(&json!(1))).await.unwrap();

    let mut connection = world.replica().connection().await;
    let mut claiming = connection.begin().await.unwrap();
    let slot = ClaimSlot {
        worker: "w".to_owned(),
        actor: tenant.user,
    };
    let any = ClaimFilter {
        queues: Vec::new(),
        actions: Vec::new(),
    };
    let means = (tenant.store.terms(), &LaneMarks::default());
    let (claimed, _) = claim(&mut claiming, tenant.project, &any, &[slot], means)
        .await
        .unwrap();
    let cancelling = tokio::spawn({
        let replica = world.replica();
        async move { replica.cancel(run).await }
    });
    tenant.until_somebody_waits().await;
    claiming.commit().await.unwrap();
    cancelling.await.unwrap().unwrap();

    // The job was seen as claimed: the run does not end before its worker has answered.
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Running);
    let held = tenant.held("w", claimed).pop().unwrap();
    assert!(tenant.heartbeat(&held).await.unwrap().should_cancel);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Failed);
    invariants::assert_hold(&tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_meets_a_cancellation_is_stored_or_refused() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let runs = tenant.start_many(&wait_for_go(), ROUNDS).await;
    let mut refused = 0;
    for (round, run) in runs.into_iter().enumerate() {
        let (one, other, run) = (tenant.clone(), replica.clone(), run.id);
        let (sent, cancelled) = race::both(
            round % 2 == 0,
            async move { one.signal(run, "go", json!(1)).await },
            async move { other.cancel(run).await },
        )
        .await;
        cancelled.unwrap();
        match sent {
            Ok(_) => {}
            Err(Error::RunEnded) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(
        0 < refused && refused < ROUNDS,
        "one side always won: {refused}"
    );
    assert_cancelled_but(&tenant, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_of_a_run_that_stops_are_all_answered() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let begun = claimed(&tenant, &RunDraft::of(fork())).await;
    let reports = begun
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    futures_util::future::try_join_all(reports).await.unwrap();
    let mut sides = tenant.claim("w", 2 * ROUNDS).await;
    sides.sort_by_key(|held| (held.job.run, held.job.id));
    for (round, pair) in sides.chunks(2).enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        // The job that was made last fails, so that the statements meet in opposite orders.
        let (broken, beats) = (pair[1].failed("broken"), pair.to_vec());
        let (settled, renewed) =
            race::both(
                round % 2 == 0,
                async move { one.settle(broken).await },
                async move {
                    futures_util::join!(other.heartbeat(&beats[0]), other.heartbeat(&beats[1]))
                },
            )
            .await;
        settled.unwrap();
        let (first, second) = renewed;
        first.unwrap();
        assert!(
            matches!(second, Ok(_) | Err(Error::LeaseLost)),
            "{second:?}"
        );
    }
    invariants::assert_hold(&tenant).await;
}

#[tokio::test]
async fn emissions_pass_over_a_job_that_a_stopping_run_holds() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    tenant.start(RunDraft::of(fork())).await;
    let begun = tenant.claim_one("w").await;
    tenant.settle(begun.completed(&json!(1))).await.unwrap();
    let mut sides = tenant.claim("w", 2).await;
    sides.sort_by_key(|held| held.job.id);
    // What ends the last job holds it, and will want the first one too when the run stops.
    let mut stopping = world.replica().connection().await;
    let lock = "select id from jobs where project_id = $1 and id = $2 for update";
    // Shorter than it takes Postgres to find a deadlock.
    sqlx::raw_sql("begin; set local lock_timeout = '500ms'")
        .execute(&mut *stopping)
        .await
        .unwrap();
    let mut lock_job = async |held: &Held| {
        sqlx::query(lock)
            .bind(tenant.project.as_uuid())
            .bind(held.job.id.as_uuid())
            .execute(&mut *stopping)
            .await
            .unwrap();
    };
    lock_job(&sides[1]).await;
    let emitting = sides.iter().map(|held| {
        let (tenant, emission) = (tenant.clone(), held.events(0, 1));
        tokio::spawn(async move { tenant.store.emit(tenant.project, emission).await })
    });
    let emitting: Vec<_> = emitting.collect();
    tenant.until_somebody_waits().await;
    lock_job(&sides[0]).await;
    sqlx::raw_sql("commit")
        .execute(&mut *stopping)
        .await
        .unwrap();
    for emitted in emitting {
        emitted.await.unwrap().unwrap();
    }
    assert_eq!(history::count_frames(&tenant, "progress").await, 2);
    history::assert_dense(&tenant).await;
}
