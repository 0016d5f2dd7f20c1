//! Plans that were made while the tables were small, and stay cached while they grow.

use mobius_test_support::factories::World;
use sqlx::AssertSqlSafe;

use super::{
    HEARTBEATS, STOP_RUNS, about_claimed, add_waiting, claim,
    explain::{MAX_PAGES, Statement, pages, without_column_types},
};

/// Prepares the statements in a session, and has it plan them for the tables as they are.
async fn prepare_all(session: &mut sqlx::PgConnection, statements: &[Statement]) {
    // Apart from the rest, which is rolled back.
    sqlx::raw_sql("set plan_cache_mode = force_generic_plan")
        .execute(&mut *session)
        .await
        .unwrap();
    for (place, statement) in statements.iter().enumerate() {
        let prepare = format!(
            "prepare hot_{place} ({}) as {};
             begin;
             execute hot_{place} ({});
             rollback",
            statement.types,
            without_column_types(statement.text),
            statement.arguments,
        );
        sqlx::raw_sql(AssertSqlSafe(prepare))
            .execute(&mut *session)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn statements_that_were_planned_when_the_tables_were_small_walk_nothing_later() {
    let world = World::create().await;
    let tenant = world.tenant();
    // As in the first seconds of a new database: nothing is known of the tables yet.
    let unknown = "alter table jobs set (autovacuum_enabled = off);
                   alter table runs set (autovacuum_enabled = off)";
    sqlx::raw_sql(unknown)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
    add_waiting(tenant, 1).await;
    let held = tenant.claim("w", 1).await;
    let mut statements = about_claimed(tenant, &held);
    // What stops runs and renews leases is planned anew once the statistics are there.
    statements.retain(|statement| ![STOP_RUNS, HEARTBEATS].contains(&statement.text));
    statements.push(claim(tenant));
    let mut session = tenant.connection().await;
    prepare_all(&mut session, &statements).await;
    add_waiting(tenant, 10_000).await;
    for (place, statement) in statements.iter().enumerate() {
        let explain = format!(
            "explain (analyze, buffers, costs off, timing off) execute hot_{place} ({})",
            statement.arguments,
        );
        sqlx::raw_sql("begin").execute(&mut *session).await.unwrap();
        let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
            .persistent(false)
            .fetch_all(&mut *session)
            .await
            .unwrap();
        sqlx::raw_sql("rollback")
            .execute(&mut *session)
            .await
            .unwrap();
        let plan = lines.join("\n");
        assert!(pages(&plan) < MAX_PAGES, "{}\n{plan}", statement.text);
    }
}
