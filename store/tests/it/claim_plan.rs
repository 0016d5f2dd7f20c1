//! The plan of a claim: it must stay a short walk along the waiting jobs, whatever lies behind it.

use mobius_test_support::factories::{RunDraft, Tenant, World};
use sqlx::AssertSqlSafe;

use crate::rows;

const CLAIM: &str = include_str!("../../src/jobs/claim.sql");

/// How many pages of 8 KiB a claim may look at. A scan of the finished jobs looks at thousands.
const MAX_PAGES: u64 = 500;

/// The statement as Postgres takes it: without the types that the macros of sqlx read from the
/// names of the columns (`as "slot?"`).
fn statement() -> String {
    let parts = CLAIM.split('"').enumerate();
    parts
        .map(|(index, part)| {
            let is_name = index % 2 == 1;
            let end = part.find(['!', '?', ':']).filter(|_| is_name);
            end.map_or(part, |end| &part[..end])
        })
        .collect()
}

/// Waiting jobs, each of a run of its own.
async fn add_waiting(tenant: &Tenant, count: i64) {
    rows::start_copies(tenant, RunDraft::default(), count).await;
}

async fn add_finished(tenant: &Tenant, count: i64) {
    sqlx::query(
        "insert into jobs
             (project_id, id, run_id, branch, visit, step_name, action, queue, parameters, status,
              attempt, max_attempts, scheduled_at, created_at, updated_at, completed_at)
         select $1, gen_random_uuid(), gen_random_uuid(), 'main', 1, 'only', 'echo', 'default',
                '{}', 'completed', 1, 1, '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01'
         from generate_series(1, $2)",
    )
    .bind(tenant.project.as_uuid())
    .bind(count)
    .execute(&mut *tenant.connection().await)
    .await
    .unwrap();
}

/// Takes the statistics as the tables are now, and never again.
async fn freeze_statistics(tenant: &Tenant) {
    let freeze = "alter table jobs set (autovacuum_enabled = off);
                  alter table runs set (autovacuum_enabled = off);
                  analyze jobs, runs";
    sqlx::raw_sql(freeze)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
}

/// The plan of a claim of ten jobs, and what it took to run.
async fn explain(tenant: &Tenant, plan_cache_mode: &str) -> String {
    let mut connection = tenant.connection().await;
    let prepare = format!(
        "begin;
         set local plan_cache_mode = {plan_cache_mode};
         prepare claim (uuid, text[], text[], text[], uuid[], float8) as {}",
        statement()
    );
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = format!(
        "explain (analyze, buffers, costs off, timing off)
         execute claim ('{}', '{{}}', '{{}}', array_fill('w'::text, '{{10}}'),
                        array_fill('{}'::uuid, '{{10}}'), 90)",
        tenant.project.as_uuid(),
        tenant.user.as_uuid(),
    );
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    sqlx::raw_sql("rollback; deallocate claim")
        .execute(&mut *connection)
        .await
        .unwrap();
    lines.join("\n")
}

/// How many pages the plan's topmost node looked at, those below it included.
fn pages(plan: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("Buffers:")).unwrap();
    let count = |name: &str| {
        let word = line
            .split([' ', ','])
            .find_map(|word| word.strip_prefix(name));
        word.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    count("hit=") + count("read=")
}

/// However the plan is made, it reads little more than the rows that it claims.
async fn assert_short_walk(tenant: &Tenant) {
    for plan_cache_mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = explain(tenant, plan_cache_mode).await;
        let walks = plan.matches("using jobs_pending on jobs").count();
        assert_eq!(walks, 2, "{plan}");
        assert!(!plan.contains("Seq Scan on"), "{plan}");
        assert!(pages(&plan) < MAX_PAGES, "{plan}");
    }
    // The explained claims were rolled back.
    assert_eq!(tenant.claim("w", 10).await.len(), 10);
}

#[tokio::test]
async fn finished_jobs_that_the_statistics_do_not_know_do_not_slow_a_claim() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_waiting(tenant, 1_000).await;
    freeze_statistics(tenant).await;
    add_finished(tenant, 200_000).await;
    assert_short_walk(tenant).await;
}

#[tokio::test]
async fn waiting_jobs_that_the_statistics_do_not_know_do_not_slow_a_claim() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_finished(tenant, 20_000).await;
    freeze_statistics(tenant).await;
    add_waiting(tenant, 10_000).await;
    assert_short_walk(tenant).await;
}
