//! The events of workers: appended by whoever holds the job, and by nobody else.

use std::time::Duration;

use mobius_store::{Error, events::Emission, jobs::Fence};
use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::{JobId, UserId};
use serde_json::{Value, json};

use crate::{history, race, rows};

async fn emit(tenant: &Tenant, emission: Emission) -> Result<(), Error> {
    tenant.store.emit(tenant.project, emission).await
}

/// The kinds of all frames, in order.
async fn told(tenant: &Tenant) -> Vec<String> {
    let all: Value = rows::value(
        tenant,
        "select coalesce(jsonb_agg(frame->'type' order by last_seq, place), '[]')
         from run_events, jsonb_array_elements(frames::jsonb) with ordinality as f (frame, place)
         where project_id = $1",
    )
    .await;
    serde_json::from_value(all).unwrap()
}

fn changed(held: &Held, change: impl FnOnce(&mut Fence)) -> Emission {
    let mut emission = held.events(0, 1);
    change(&mut emission.fence);
    emission
}

#[tokio::test]
async fn only_the_holder_of_the_present_attempt_may_emit() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    for stale in [
        changed(&held, |fence| fence.worker = "v".to_owned()),
        changed(&held, |fence| fence.attempt = 2),
        changed(&held, |fence| fence.attempt = 0),
        changed(&held, |fence| fence.actor = UserId::generate()),
    ] {
        let refused = emit(tenant, stale).await;
        assert!(matches!(refused, Err(Error::LeaseLost)));
    }
    let unknown = changed(&held, |fence| fence.job = JobId::generate());
    assert!(matches!(
        emit(tenant, unknown).await,
        Err(Error::NotFound("job"))
    ));
    let other = tenant.another_project("other").await;
    let foreign = emit(&other, held.events(0, 1)).await;
    assert!(matches!(foreign, Err(Error::NotFound("job"))));
    assert_eq!(told(tenant).await.len(), 4);
    emit(tenant, held.events(0, 2)).await.unwrap();
    assert_eq!(told(tenant).await[4..], ["progress", "progress"]);
    assert!(told(&other).await.is_empty());
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn an_attempt_that_is_over_emits_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let lost = tenant.claim_one("w").await;
    // Late, but nobody has taken the job away yet: the row decides, as for heartbeats.
    tenant.advance_clock(Duration::from_secs(91)).await;
    emit(tenant, lost.events(0, 1)).await.unwrap();
    tenant.settle(lost.expired()).await.unwrap();
    assert!(matches!(
        emit(tenant, lost.events(1, 1)).await,
        Err(Error::LeaseLost)
    ));
    let held = tenant.claim_one("w").await;
    assert!(matches!(
        emit(tenant, lost.events(1, 1)).await,
        Err(Error::LeaseLost)
    ));
    emit(tenant, held.events(0, 1)).await.unwrap();
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert!(matches!(
        emit(tenant, held.events(1, 1)).await,
        Err(Error::LeaseLost)
    ));
    let progress = told(tenant)
        .await
        .iter()
        .filter(|kind| *kind == "progress")
        .count();
    assert_eq!(progress, 2);
}

#[tokio::test]
async fn a_stale_emission_takes_no_other_of_its_batch_with_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 20).await;
    let held = tenant.claim("w", 20).await;
    let emissions = held.iter().enumerate().map(|(place, held)| {
        let mut emission = held.events(0, 5);
        if place % 4 == 0 {
            emission.fence.attempt = 9;
        }
        emit(tenant, emission)
    });
    let outcomes = futures_util::future::join_all(emissions).await;
    for (place, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_ok(), place % 4 != 0);
    }
    assert_eq!(history::count_frames(tenant, "progress").await, 15 * 5);
    history::assert_dense(tenant).await;
}

/// Without the lock that an emission takes on the job, an event could follow its attempt's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_of_an_attempt_follows_its_end() {
    let world = World::create().await;
    let tenant = world.tenant();
    let replica = world.replica();
    for round in 0..race::ROUNDS {
        tenant.start(RunDraft::default()).await;
        let held = tenant.claim_one("w").await;
        let (emission, report) = (held.events(0, 3), held.completed(&json!(round)));
        let (here, there) = (tenant.clone(), replica.clone());
        let (emitted, settled) = race::both(
            round % 2 == 0,
            async move { emit(&here, emission).await },
            async move { there.settle(report).await },
        )
        .await;
        settled.unwrap();
        let kinds = told(tenant).await;
        let expected = match emitted {
            Ok(()) => [
                "progress",
                "progress",
                "progress",
                "job_updated",
                "action_appended",
            ],
            Err(Error::LeaseLost) => [
                "run_updated",
                "job_updated",
                "job_updated",
                "action_appended",
                "run_updated",
            ],
            Err(error) => panic!("{error}"),
        };
        let end = match emitted {
            Ok(()) => kinds.len() - 6..kinds.len() - 1,
            Err(_) => kinds.len() - 5..kinds.len(),
        };
        assert_eq!(kinds[end], expected, "round {round}");
        rows::change(tenant, "delete from run_events where project_id = $1").await;
    }
}
