//! How much a batch stops at once, and how large what is made for items may be.

use mobius_store::Settings;
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{fan_outs::each, invariants, rows};

/// How many transactions the runs were last written in.
const TRANSACTIONS: &str =
    "select count(distinct xmin::text) from runs where project_id = $1 and status = 'failed'";

#[tokio::test]
async fn runs_with_many_jobs_are_cancelled_in_transactions_of_their_own() {
    let world = World::create().await;
    let tenant = world.tenant();
    for (copies, transactions) in [(0, 1), (8_000, 2)] {
        rows::change(tenant, "delete from jobs where project_id = $1").await;
        rows::change(tenant, "delete from runs where project_id = $1").await;
        let runs = tenant.start_many(&RunDraft::default(), 2).await;
        let copied = sqlx::query(
            "insert into jobs
             select (jsonb_populate_record(j, jsonb_build_object('id', gen_random_uuid()))).*
             from jobs j, generate_series(1, $2) where j.project_id = $1",
        )
        .bind(tenant.project.as_uuid())
        .bind(copies)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
        assert_eq!(
            i64::try_from(copied.rows_affected()).unwrap(),
            2 * i64::from(copies)
        );
        // On one thread, both arrive before the first batch begins.
        let (one, other) = tokio::join!(tenant.cancel(runs[0].id), tenant.cancel(runs[1].id));
        one.unwrap();
        other.unwrap();
        assert_eq!(rows::value::<i64>(tenant, TRANSACTIONS).await, transactions);
        let live = "select count(*) from jobs where project_id = $1 and status <> 'failed'";
        assert_eq!(rows::value::<i64>(tenant, live).await, 0);
    }
}

#[tokio::test]
async fn the_parameters_of_all_items_together_are_bounded() {
    let mut settings = Settings::default();
    settings.limits.max_item_bytes = 10_000;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    let more = json!({"parameters": {"text": "x".repeat(4_000)},
                      "catch": [{"error_equals": ["all", "limit_exceeded"], "next": "caught"}]});
    let fits = tenant.start(each(json!([1, 2]), more.clone())).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 2);
    tenant.cancel(fits.id).await.unwrap();
    let run = tenant.start(each(json!([1, 2, 3]), more)).await;
    let ended = tenant.run(run.id).await.run;
    assert_eq!(
        ended.status,
        WorkflowRunStatus::Failed,
        "nothing catches it"
    );
    let message = ended.error_message.unwrap();
    assert!(
        message.contains("limit_exceeded") && message.contains("10000 bytes"),
        "{message}"
    );
    assert!(tenant.claim("w", 10).await.is_empty());
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn results_and_errors_of_items_count_and_nothing_catches_too_many() {
    let mut settings = Settings::default();
    settings.limits.max_state_bytes = 10_000;
    let world = World::with(settings).await;
    let tenant = world.tenant();
    let more = json!({"max_failures": 3,
                      "catch": [{"error_equals": ["all", "limit_exceeded"], "next": "caught"}]});
    let run = tenant.start(each(json!([1, 2, 3]), more)).await;
    for held in tenant.claim("w", 3).await {
        tenant
            .settle(held.failed(&"x".repeat(4_000)))
            .await
            .unwrap();
    }
    let message = tenant.run(run.id).await.run.error_message.unwrap();
    assert!(message.contains("limit_exceeded"), "{message}");
    invariants::assert_hold(tenant).await;
}
