//! Runs a statement and reads what its plan did.

use mobius_test_support::factories::Tenant;
use sqlx::AssertSqlSafe;

/// How many pages of 8 KiB a statement about ten jobs may look at. A scan looks at thousands.
pub(super) const MAX_PAGES: u64 = 500;

/// The statement as Postgres takes it: without the types that the macros of sqlx read from the
/// names of the columns (`as "slot?"`).
pub(super) fn without_column_types(statement: &str) -> String {
    let parts = statement.split('"').enumerate();
    parts
        .map(|(index, part)| {
            let is_name = index % 2 == 1;
            let end = part.find(['!', '?', ':']).filter(|_| is_name);
            end.map_or(part, |end| &part[..end])
        })
        .collect()
}

/// A hot statement with arguments, as SQL.
pub(super) struct Statement {
    pub(super) text: &'static str,
    pub(super) types: &'static str,
    pub(super) arguments: String,
}

/// The plan of a statement, and what it took to run. What it did is rolled back.
pub(super) async fn explain(
    tenant: &Tenant,
    statement: &Statement,
    plan_cache_mode: &str,
) -> String {
    let mut connection = tenant.connection().await;
    let prepare = format!(
        "begin;
         set local plan_cache_mode = {plan_cache_mode};
         prepare hot ({}) as {}",
        statement.types,
        without_column_types(statement.text),
    );
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = format!(
        "explain (analyze, buffers, costs off, timing off) execute hot ({})",
        statement.arguments,
    );
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    sqlx::raw_sql("rollback; deallocate hot")
        .execute(&mut *connection)
        .await
        .unwrap();
    lines.join("\n")
}

/// How many pages the plan's topmost node looked at, those below it included.
pub(super) fn pages(plan: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("Buffers:")).unwrap();
    let count = |name: &str| {
        let word = line
            .split([' ', ','])
            .find_map(|word| word.strip_prefix(name));
        word.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    count("hit=") + count("read=")
}

/// However the plan is made, it reads little more than the rows that it is about.
pub(super) async fn assert_short(tenant: &Tenant, statement: &Statement) {
    for plan_cache_mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = explain(tenant, statement, plan_cache_mode).await;
        assert!(!plan.contains("Seq Scan on"), "{plan}");
        assert!(pages(&plan) < MAX_PAGES, "{plan}");
    }
}
