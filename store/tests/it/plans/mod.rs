//! The plans of the hot statements: short walks and look-ups, whatever lies behind them and whatever
//! the statistics say.

mod events;
mod explain;
mod limits;
mod lists;
mod small_tables;
mod snapshots;

use mobius_test_support::factories::{Held, RunDraft, Tenant, World};

use crate::rows;
use explain::{Statement, assert_short, explain};

const CLAIM: &str = include_str!("../../../src/jobs/claim.sql");
const EMIT: &str = include_str!("../../../src/events/emit.sql");
const HEARTBEATS: &str = include_str!("../../../src/jobs/heartbeat.sql");
const LOCK_JOBS: &str = include_str!("../../../src/advance/load/lock_jobs.sql");
const LOCK_RUNS: &str = include_str!("../../../src/advance/load/lock_runs.sql");
const STOP_RUNS: &str = include_str!("../../../src/advance/persist/stop_runs.sql");
const UPDATE_JOBS: &str = include_str!("../../../src/advance/persist/update_jobs.sql");

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
                  alter table run_labels set (autovacuum_enabled = off);
                  analyze jobs, runs, run_labels";
    sqlx::raw_sql(freeze)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
}

/// For whom a claim of ten jobs is.
fn claimants(tenant: &Tenant) -> String {
    format!(
        "'{}', '{{}}', '{{}}', array_fill('w'::text, '{{10}}'),
         array_fill('{}'::uuid, '{{10}}'), 90",
        tenant.project.as_uuid(),
        tenant.user.as_uuid(),
    )
}

/// A claim of ten jobs.
fn claim(tenant: &Tenant) -> Statement {
    Statement {
        text: CLAIM,
        types: "uuid, text[], text[], text[], uuid[], float8, text[], text[], timestamptz[]",
        arguments: format!("{}, '{{}}', '{{}}', '{{}}'", claimants(tenant)),
    }
}

async fn assert_short_claim(tenant: &Tenant) {
    let claim = claim(tenant);
    assert_short(tenant, &claim).await;
    let plan = explain(tenant, &claim, "force_generic_plan").await;
    let walks = plan.matches("using jobs_pending on jobs").count();
    // Three priorities' walks, once to choose and once to lock.
    assert_eq!(walks, 6, "{plan}");
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
