//! Runs that are too large to be held in memory together.

use futures_util::future::join_all;
use mobius_test_support::factories::{RunDraft, World};
use serde_json::json;

use crate::{invariants, rows};

const RUNS: usize = 20;

#[tokio::test]
async fn runs_that_are_too_large_together_move_on_in_several_transactions() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), RUNS).await;
    let held = tenant.claim("w", RUNS).await;
    rows::change(
        tenant,
        "update runs set inputs = jsonb_build_object('text', repeat('x', 4 * 1024 * 1024))
         where project_id = $1",
    )
    .await;
    // On one thread, all have arrived before the first batch begins.
    let reports = held
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    for settled in join_all(reports).await {
        settled.unwrap();
    }
    // 80 MiB: twice ten runs.
    let transactions: i64 = rows::value(
        tenant,
        "select count(distinct xmin::text) from runs
         where project_id = $1 and status = 'completed'",
    )
    .await;
    assert_eq!(transactions, 2);
    invariants::assert_hold(tenant).await;
}
