//! Claims while somebody holds a snapshot open, so that nothing claimed leaves the index.

use std::time::Duration;

use mobius_test_support::factories::World;
use sqlx::Connection;

use super::{
    CLAIM, add_waiting, claim,
    explain::{MAX_PAGES, Statement, explain, pages},
};

#[tokio::test]
async fn a_claim_begins_where_the_last_one_ended_while_a_snapshot_is_open() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut reader = tenant.connection().await;
    let mut report = reader.begin().await.unwrap();
    sqlx::raw_sql("set transaction isolation level repeatable read; select count(*) from jobs")
        .execute(&mut *report)
        .await
        .unwrap();
    for _ in 0..50 {
        add_waiting(tenant, 200).await;
        tenant.advance_clock(Duration::from_secs(1)).await;
    }
    assert_eq!(tenant.claim("w", 9_990).await.len(), 9_990);
    let from_the_first = claim(tenant);
    let since: String = sqlx::query_scalar(
        "select (max(scheduled_at) - interval '250 milliseconds')::text
         from jobs where status = 'claimed'",
    )
    .fetch_one(&mut *tenant.connection().await)
    .await
    .unwrap();
    let from_the_mark = Statement {
        text: CLAIM,
        types: from_the_first.types,
        arguments: from_the_first.arguments.replace(
            "'{}', '{}', '{}'",
            &format!("array['default'], array['echo'], array['{since}'::timestamptz]"),
        ),
    };
    let plan = explain(tenant, &from_the_mark, "force_generic_plan").await;
    assert!(pages(&plan) < 2 * MAX_PAGES, "{plan}");
    let plan = explain(tenant, &from_the_first, "force_generic_plan").await;
    assert!(pages(&plan) > 10 * MAX_PAGES, "{plan}");
    report.rollback().await.unwrap();
}

#[tokio::test]
async fn a_job_that_stands_before_the_mark_is_claimed_all_the_same() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_waiting(tenant, 2).await;
    assert_eq!(tenant.claim("w", 1).await.len(), 1);
    // As if a long transaction had made it an hour ago, and was committed now.
    sqlx::raw_sql("update jobs set scheduled_at = scheduled_at - interval '1 hour'")
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
    let found = async {
        while tenant.claim("w", 1).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), found).await;
    assert!(found.is_ok(), "no claim walks the whole lane any more");
}
