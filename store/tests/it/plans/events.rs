//! The plans of what streams read.

use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::RunId;

use super::explain::{Statement, assert_short};

const PAGE_OF_PROJECT: &str = include_str!("../../../src/events/page_of_project.sql");
const PAGE_OF_RUN: &str = include_str!("../../../src/events/page_of_run.sql");
const POSITION: &str = include_str!("../../../src/events/position.sql");

/// Events of a run, one row each, after those that are there.
async fn add_events(tenant: &Tenant, run: RunId, count: i64) {
    sqlx::query(
        "with counter as (
             update project_counters set event_seq = event_seq + $3 where project_id = $1
             returning event_seq - $3 as base)
         insert into run_events (project_id, first_seq, last_seq, run_id, created_at, frames)
         select $1, base + n, base + n, $2, mobius_now(), '[{\"type\": \"t\", \"data\": {}}]'
         from counter, generate_series(1, $3) as n",
    )
    .bind(tenant.project.as_uuid())
    .bind(run.as_uuid())
    .bind(count)
    .execute(&mut *tenant.connection().await)
    .await
    .unwrap();
}

/// What a stream of the run reads when it begins and when it follows.
fn about_events(tenant: &Tenant, run: RunId) -> [Statement; 4] {
    let (project, run) = (tenant.project.as_uuid(), run.as_uuid());
    let page_of_run = |since: i64| Statement {
        text: PAGE_OF_RUN,
        types: "uuid, uuid, bigint, bigint, bigint",
        arguments: format!("'{project}', '{run}', {since}, 256, 262144"),
    };
    [
        Statement {
            text: POSITION,
            types: "uuid, uuid",
            arguments: format!("'{project}', '{run}'"),
        },
        Statement {
            text: PAGE_OF_PROJECT,
            types: "uuid, bigint, bigint, bigint",
            arguments: format!("'{project}', 0, 256, 262144"),
        },
        page_of_run(0),
        page_of_run(20_000),
    ]
}

#[tokio::test]
async fn the_events_of_a_run_are_found_among_those_of_others_whatever_the_statistics_say() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await.id;
    // The statistics take every event for one of this run.
    add_events(tenant, run, 1_000).await;
    let freeze =
        "alter table run_events_default set (autovacuum_enabled = off); analyze run_events";
    sqlx::raw_sql(freeze)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
    add_events(tenant, RunId::generate(), 100_000).await;
    add_events(tenant, run, 10).await;
    let new = tenant.another_project("new").await;
    let of_new = new.start(RunDraft::default()).await.id;
    add_events(&new, RunId::generate(), 100_000).await;
    for (tenant, run) in [(tenant, run), (&new, of_new)] {
        for statement in about_events(tenant, run) {
            assert_short(tenant, &statement).await;
        }
    }
}
