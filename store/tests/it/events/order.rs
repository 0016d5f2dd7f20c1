//! The order of what a run's history tells: the end of a run closes it.

use mobius_test_support::factories::{RunDraft, Tenant, World, fork};
use mobius_types::RunId;

use crate::{rows, scenes::complete_next};

/// Kind and status of the frames of the run after the first so many, in order.
async fn told_after(tenant: &Tenant, run: RunId, before: i64) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', frame->>'type', frame->'data'->>'step_name',
                          frame->'data'->>'status')
         from run_events e cross join jsonb_array_elements(frames::jsonb) with ordinality as f (frame, place)
         where project_id = $1 and run_id = $2
         order by last_seq, place
         offset $3",
    )
    .bind(tenant.project.as_uuid())
    .bind(run.as_uuid())
    .bind(before)
    .fetch_all(&mut *tenant.connection().await)
    .await
    .unwrap()
}

/// A run that has forked; both sides wait.
async fn forked(tenant: &Tenant) -> (RunId, i64) {
    let run = tenant.start(RunDraft::of(fork())).await.id;
    complete_next(tenant).await;
    let told = told_after(tenant, run, 0).await;
    (run, i64::try_from(told.len()).unwrap())
}

#[tokio::test]
async fn the_last_thing_told_of_a_run_that_fails_is_its_end() {
    let world = World::create().await;
    let tenant = world.tenant();
    let (run, before) = forked(tenant).await;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
    let told = told_after(tenant, run, before).await;
    let [broken, other] = match held.job.step_name.as_str() {
        "left" => ["left", "right"],
        _ => ["right", "left"],
    };
    let expected = [
        format!("job_updated {broken} claimed"),
        format!("job_updated {broken} failed"),
        format!("action_appended {broken} failed"),
        format!("job_updated {other} failed"),
        "run_updated failed".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_a_retry_makes_is_told_after_what_the_cancellation_stopped() {
    let world = World::create().await;
    let tenant = world.tenant();
    let (run, before) = forked(tenant).await;
    // Both are in one batch: on one thread, both have arrived before it begins.
    let (cancelled, retried) = futures_util::join!(tenant.cancel(run), tenant.retry(run));
    cancelled.unwrap();
    retried.unwrap();
    let mut told = told_after(tenant, run, before).await;
    let (stopped, made) = (0..2, 3..5);
    told[stopped].sort();
    told[made].sort();
    let expected = [
        "job_updated left failed",
        "job_updated right failed",
        "run_updated failed",
        "job_updated left pending",
        "job_updated right pending",
        "run_updated queued",
    ];
    assert_eq!(told, expected);
    let rows: i64 = rows::value(
        tenant,
        "select count(*) from run_events where project_id = $1
             and frames::jsonb @> '[{\"type\": \"run_updated\", \"data\": {\"status\": \"failed\"}},
                            {\"type\": \"run_updated\", \"data\": {\"attempt\": 2}}]'",
    )
    .await;
    assert_eq!(rows, 1, "they were not in one batch");
}
