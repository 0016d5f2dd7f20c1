//! Pauses: what is paused is handed to nobody, and goes on as if nothing had been.

use mobius_store::pauses;
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{JobOptions, Pause, PauseKind};
use serde_json::json;

async fn pause(tenant: &Tenant, kind: PauseKind, name: &str, by: &str) -> Pause {
    let mut connection = tenant.connection().await;
    let paused = pauses::pause(
        &mut connection,
        tenant.project,
        (kind, name),
        Some("why"),
        by,
    );
    paused.await.unwrap()
}

async fn unpause(tenant: &Tenant, kind: PauseKind, name: &str) {
    let mut connection = tenant.connection().await;
    let done = pauses::unpause(&mut connection, tenant.project, kind, name);
    done.await.unwrap();
}

fn limited(queue: &str) -> RunDraft {
    RunDraft {
        options: JobOptions {
            concurrency_key: Some("k".to_owned()),
            max_concurrency: Some(5),
            ..JobOptions::default()
        },
        ..RunDraft::in_queue(queue)
    }
}

#[tokio::test]
async fn a_paused_queue_hands_out_nothing_with_a_limit_or_without() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::in_queue("a")).await;
    let held = tenant.claim_one("w").await;
    // It holds for lanes that appear later, too.
    pause(tenant, PauseKind::Queue, "a", "ann").await;
    pause(tenant, PauseKind::Queue, "later", "ann").await;
    for queue in ["a", "later"] {
        tenant.start(RunDraft::in_queue(queue)).await;
        tenant.start(limited(queue)).await;
    }
    assert!(tenant.claim("w", 10).await.is_empty());
    let claimable = tenant.store.with_claimable_jobs(vec![tenant.project]);
    assert!(claimable.await.unwrap().is_empty());
    // What a worker holds goes on.
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    unpause(tenant, PauseKind::Queue, "a").await;
    assert_eq!(tenant.claim("w", 10).await.len(), 2);
    unpause(tenant, PauseKind::Queue, "later").await;
    unpause(tenant, PauseKind::Queue, "later").await;
    assert_eq!(tenant.claim("w", 10).await.len(), 2);
}

#[tokio::test]
async fn a_paused_action_waits_in_every_queue_of_its_project_alone() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    pause(tenant, PauseKind::Action, "echo", "ann").await;
    for of in [tenant, &other] {
        of.start(RunDraft::in_queue("a")).await;
        of.start(RunDraft::in_queue("b")).await;
    }
    assert!(tenant.claim("w", 10).await.is_empty());
    assert_eq!(other.claim("w", 10).await.len(), 2);
    // A queue of that name is something else.
    unpause(tenant, PauseKind::Queue, "echo").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    unpause(tenant, PauseKind::Action, "echo").await;
    assert_eq!(tenant.claim("w", 10).await.len(), 2);
}

#[tokio::test]
async fn lanes_are_listed_with_what_waits_and_who_paused() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::in_queue("a")).await;
    tenant.start_many(&limited("a"), 2).await;
    tenant.start(RunDraft::in_queue("b")).await;
    let first = pause(tenant, PauseKind::Queue, "a", "ann").await;
    let again = pause(tenant, PauseKind::Queue, "a", "bob").await;
    assert_eq!(again.paused_by, "ann");
    assert_eq!(again.paused_at, first.paused_at);
    let mut connection = tenant.connection().await;
    let listed = pauses::lanes(&mut connection, tenant.project);
    let listed = listed.await.unwrap();
    let lanes = listed.items.iter();
    let lanes: Vec<_> = lanes
        .map(|lane| (lane.queue.as_str(), lane.waiting, lane.paused))
        .collect();
    assert_eq!(lanes, [("a", 3, true), ("b", 1, false)]);
    assert_eq!(listed.pauses[0].reason.as_deref(), Some("why"));
}

#[tokio::test]
async fn a_project_has_a_bounded_number_of_pauses() {
    let world = World::create().await;
    let tenant = world.tenant();
    let many = "insert into paused_lanes (project_id, kind, name, paused_by, paused_at)
                select $1, 'queue', 'queue-' || n, 'ann', mobius_now()
                from generate_series(1, 1000) as n";
    assert_eq!(crate::rows::change(tenant, many).await, 1_000);
    // One that is there stays as it is.
    pause(tenant, PauseKind::Queue, "queue-7", "bob").await;
    let mut connection = tenant.connection().await;
    let more = (PauseKind::Queue, "one-more");
    let refused = pauses::pause(&mut connection, tenant.project, more, None, "ann").await;
    assert!(refused.unwrap_err().to_string().contains("at most 1000"));
}
