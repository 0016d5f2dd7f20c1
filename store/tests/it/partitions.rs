//! Partitions of the history: made ahead, and nothing is lost where one is missing.

use std::time::Duration;

use mobius_store::partitions;
use mobius_test_support::factories::{RunDraft, Tenant, World, spec};
use serde_json::json;

use crate::{history, rows};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

async fn ensure(tenant: &Tenant) -> i64 {
    let db = tenant.store.db();
    db.write(|tx| Box::pin(partitions::ensure(tx)))
        .await
        .unwrap()
}

/// One run with a failed attempt: rows in both history tables.
async fn make_history(tenant: &Tenant) {
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "only", "action": "echo", "retry": [{"base_delay": "0s"}]}],
    })));
    tenant.start(draft).await;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
}

#[tokio::test]
async fn partitions_are_made_three_weeks_ahead_and_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    ensure(tenant).await;
    assert_eq!(ensure(tenant).await, 0);
    tenant.advance_clock(WEEK).await;
    assert_eq!(ensure(tenant).await, 2, "one more week of two tables");
    tenant.advance_clock(10 * WEEK).await;
    assert_eq!(
        ensure(tenant).await,
        8,
        "this week and three more of two tables"
    );

    make_history(tenant).await;
    let partitions: Vec<String> = rows::value(
        tenant,
        "select array_agg(distinct place) from (
             select tableoid::regclass::text as place from run_events where project_id = $1
             union all
             select tableoid::regclass::text from job_attempts where project_id = $1) as places",
    )
    .await;
    assert!(
        partitions.iter().all(|name| !name.ends_with("default")),
        "{partitions:?}"
    );
    assert_eq!(partitions.len(), 2);
}

#[tokio::test]
async fn history_of_a_week_without_a_partition_is_kept_where_it_fell() {
    let world = World::create().await;
    let tenant = world.tenant();
    ensure(tenant).await;
    tenant.advance_clock(10 * WEEK).await;
    make_history(tenant).await;
    let strays = "select (select count(*) from run_events_default where project_id = $1)
                       + (select count(*) from job_attempts_default where project_id = $1)";
    assert_eq!(rows::value::<i64>(tenant, strays).await, 4);

    // The week is taken by the strays; the next ones get their partitions.
    assert_eq!(ensure(tenant).await, 6);
    assert_eq!(ensure(tenant).await, 0);
    make_history(tenant).await;
    assert_eq!(rows::value::<i64>(tenant, strays).await, 8);
    tenant.advance_clock(WEEK).await;
    make_history(tenant).await;
    assert_eq!(rows::value::<i64>(tenant, strays).await, 8);
    let attempts: i64 = rows::value(
        tenant,
        "select count(*) from job_attempts where project_id = $1",
    )
    .await;
    assert_eq!(attempts, 3);
    history::assert_dense(tenant).await;
}
