//! The plans of the hot statements: short walks and look-ups, whatever lies behind them and whatever
//! the statistics say.

use mobius_test_support::factories::{Held, RunDraft, Tenant, World};
use mobius_types::RunId;
use sqlx::AssertSqlSafe;

use crate::rows;

const CLAIM: &str = include_str!("../../src/jobs/claim.sql");
const EMIT: &str = include_str!("../../src/events/emit.sql");
const PAGE_OF_PROJECT: &str = include_str!("../../src/events/page_of_project.sql");
const PAGE_OF_RUN: &str = include_str!("../../src/events/page_of_run.sql");
const POSITION: &str = include_str!("../../src/events/position.sql");
const HEARTBEATS: &str = include_str!("../../src/jobs/heartbeat.sql");
const LABELLED_IDS: &str = include_str!("../../src/runs/labelled_ids.sql");
const LOCK_JOBS: &str = include_str!("../../src/advance/load/lock_jobs.sql");
const LOCK_RUNS: &str = include_str!("../../src/advance/load/lock_runs.sql");
const STOP_RUNS: &str = include_str!("../../src/advance/persist/stop_runs.sql");
const UPDATE_JOBS: &str = include_str!("../../src/advance/persist/update_jobs.sql");

/// How many pages of 8 KiB a statement about ten jobs may look at. A scan looks at thousands.
const MAX_PAGES: u64 = 500;

/// The statement as Postgres takes it: without the types that the macros of sqlx read from the
/// names of the columns (`as "slot?"`).
fn without_column_types(statement: &str) -> String {
    let parts = statement.split('"').enumerate();
    parts
        .map(|(index, part)| {
            let is_name = index % 2 == 1;
            let end = part.find(['!', '?', ':']).filter(|_| is_name);
            end.map_or(part, |end| &part[..end])
        })
        .collect()
}

/// Waiting jobs, each of a run of its own.
pub(crate) async fn add_waiting(tenant: &Tenant, count: i64) {
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
pub(crate) async fn freeze_statistics(tenant: &Tenant) {
    let freeze = "alter table jobs set (autovacuum_enabled = off);
                  alter table runs set (autovacuum_enabled = off);
                  alter table run_labels set (autovacuum_enabled = off);
                  analyze jobs, runs, run_labels";
    sqlx::raw_sql(freeze)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
}

/// A hot statement with arguments, as SQL.
pub(crate) struct Statement {
    pub(crate) text: &'static str,
    pub(crate) types: &'static str,
    pub(crate) arguments: String,
}

/// The plan of a statement, and what it took to run. What it did is rolled back.
async fn explain(tenant: &Tenant, statement: &Statement, plan_cache_mode: &str) -> String {
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

/// However the plan is made, it reads little more than the rows that it is about.
pub(crate) async fn assert_short(tenant: &Tenant, statement: &Statement) {
    for plan_cache_mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = explain(tenant, statement, plan_cache_mode).await;
        assert!(!plan.contains("Seq Scan on"), "{plan}");
        assert!(pages(&plan) < MAX_PAGES, "{plan}");
    }
}

/// A claim of ten jobs.
pub(crate) fn claim(tenant: &Tenant) -> Statement {
    Statement {
        text: CLAIM,
        types: "uuid, text[], text[], text[], uuid[], float8",
        arguments: format!(
            "'{}', '{{}}', '{{}}', array_fill('w'::text, '{{10}}'),
             array_fill('{}'::uuid, '{{10}}'), 90",
            tenant.project.as_uuid(),
            tenant.user.as_uuid(),
        ),
    }
}

async fn assert_short_claim(tenant: &Tenant) {
    let claim = claim(tenant);
    assert_short(tenant, &claim).await;
    let plan = explain(tenant, &claim, "force_generic_plan").await;
    let walks = plan.matches("using jobs_pending on jobs").count();
    assert_eq!(walks, 2, "{plan}");
    assert_eq!(tenant.claim("w", 10).await.len(), 10);
}

/// What is done with ten claimed jobs, and with their runs.
fn about_claimed(tenant: &Tenant, held: &[Held]) -> Vec<Statement> {
    let ids: Vec<_> = held
        .iter()
        .map(|held| held.job.id.as_uuid().to_string())
        .collect();
    let (project, actor) = (tenant.project.as_uuid(), tenant.user.as_uuid());
    let jobs = format!("'{project}', '{{{}}}'", ids.join(","));
    let mut statements = locks(tenant, held, &jobs);
    statements.extend([
        Statement {
            text: HEARTBEATS,
            types: "uuid, uuid[], text[], int[], uuid[], float8",
            arguments: format!(
                "{jobs}, array_fill('w'::text, '{{10}}'), array_fill(1, '{{10}}'),
                 array_fill('{actor}'::uuid, '{{10}}'), 90"
            ),
        },
        Statement {
            text: EMIT,
            types: "uuid, uuid[], text[], int[], uuid[]",
            arguments: format!(
                "{jobs}, array_fill('w'::text, '{{10}}'), array_fill(1, '{{10}}'),
                 array_fill('{actor}'::uuid, '{{10}}')"
            ),
        },
        Statement {
            text: UPDATE_JOBS,
            types: "uuid, timestamptz, uuid[], int[], job_status[], bigint[], int[], int[],
                    smallint[], int[], bigint[], bytea[], text[], text[], bool[]",
            arguments: format!(
                "'{project}', '2030-01-01', '{{{}}}', array_fill(1, '{{10}}'),
                 array_fill('completed'::job_status, '{{10}}'), array_fill(0::bigint, '{{10}}'),
                 array_fill(1, '{{10}}'), array_fill(0, '{{10}}'),
                 array_fill(null::smallint, '{{10}}'), array_fill(0, '{{10}}'),
                 array_fill(null::bigint, '{{10}}'), array_fill(null::bytea, '{{10}}'),
                 array_fill(null::text, '{{10}}'), array_fill(null::text, '{{10}}'),
                 array_fill(true, '{{10}}')",
                ids.join(",")
            ),
        },
    ]);
    statements
}

/// How a batch takes hold of the jobs and of their runs.
fn locks(tenant: &Tenant, held: &[Held], jobs: &str) -> Vec<Statement> {
    let runs: Vec<_> = held
        .iter()
        .map(|held| held.job.run.as_uuid().to_string())
        .collect();
    let (project, runs) = (tenant.project.as_uuid(), runs.join(","));
    vec![
        Statement {
            text: LOCK_RUNS,
            types: "uuid, uuid[], uuid[], bigint",
            arguments: format!("{jobs}, '{{}}', 1000000"),
        },
        Statement {
            text: LOCK_JOBS,
            types: "uuid, uuid[], uuid[]",
            arguments: format!("{jobs}, '{{}}'"),
        },
        // Of runs that are to be cancelled.
        Statement {
            text: LOCK_JOBS,
            types: "uuid, uuid[], uuid[]",
            arguments: format!("'{project}', '{{}}', '{{{runs}}}'"),
        },
        Statement {
            text: STOP_RUNS,
            types: "uuid, timestamptz, uuid[]",
            arguments: format!("'{project}', '2030-01-01', '{{{runs}}}'"),
        },
    ]
}

#[tokio::test]
async fn finished_jobs_that_the_statistics_do_not_know_do_not_slow_a_claim() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_waiting(tenant, 1_000).await;
    freeze_statistics(tenant).await;
    add_finished(tenant, 200_000).await;
    assert_short_claim(tenant).await;
}

#[tokio::test]
async fn waiting_jobs_that_the_statistics_do_not_know_do_not_slow_a_claim() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_finished(tenant, 20_000).await;
    freeze_statistics(tenant).await;
    add_waiting(tenant, 10_000).await;
    assert_short_claim(tenant).await;
}

#[tokio::test]
async fn claimed_jobs_that_the_statistics_do_not_know_do_not_slow_their_workers() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_finished(tenant, 20_000).await;
    freeze_statistics(tenant).await;
    add_waiting(tenant, 10_000).await;
    let held = tenant.claim("w", 10_000).await;
    for statement in about_claimed(tenant, &held[..10]) {
        assert_short(tenant, &statement).await;
    }
}

#[tokio::test]
async fn a_project_that_the_statistics_do_not_know_is_claimed_from_as_fast() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_finished(tenant, 20_000).await;
    add_waiting(tenant, 100).await;
    freeze_statistics(tenant).await;
    let new = tenant.another_project("new").await;
    add_waiting(&new, 10_000).await;
    assert_short_claim(&new).await;
}

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

#[tokio::test]
async fn a_filter_that_few_runs_match_walks_no_others() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_waiting(tenant, 20_000).await;
    freeze_statistics(tenant).await;
    let rare = RunDraft {
        queue: "rare".to_owned(),
        initiated_by: "rare".to_owned(),
        external_id: Some("rare".to_owned()),
        ..RunDraft::default()
    };
    tenant.start(rare).await;
    let project = tenant.project.as_uuid();
    for [queue, label, external] in [
        ["'rare'", "null", "null"],
        ["null", "'rare'", "null"],
        ["null", "null", "'rare'"],
    ] {
        let statement = Statement {
            text: LABELLED_IDS,
            types: "uuid, uuid, bigint, run_status, bool, text, text, uuid, text, text, uuid",
            arguments: format!(
                "'{project}', null, 50, null, false, null, {queue}, null, {label}, {external}, null"
            ),
        };
        // Never a generic plan: it can't know which filters are there, and costs more.
        let plan = explain(tenant, &statement, "auto").await;
        assert!(pages(&plan) < MAX_PAGES, "{plan}");
    }
}
