//! Many rows at once by SQL, and single values by SQL, where the store has no function for it.

use mobius_test_support::factories::{RunDraft, Tenant};
use mobius_types::RunId;
use sqlx::{Decode, Postgres, Type, postgres::PgArguments, query::QueryScalar};

/// One value of the tenant's project, which is `$1` of the query.
pub(crate) async fn value<T>(tenant: &Tenant, sql: &'static str) -> T
where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin,
{
    let query: QueryScalar<'_, Postgres, T, PgArguments> = sqlx::query_scalar(sql);
    query
        .bind(tenant.project.as_uuid())
        .fetch_one(&mut *tenant.connection().await)
        .await
        .unwrap()
}

/// Changes rows of the tenant's project, which is `$1` of the statement. Returns how many.
pub(crate) async fn change(tenant: &Tenant, sql: &'static str) -> u64 {
    sqlx::query(sql)
        .bind(tenant.project.as_uuid())
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap()
        .rows_affected()
}

/// Starts a run and copies it with its job until there are so many.
pub(crate) async fn start_copies(tenant: &Tenant, draft: RunDraft, count: i64) {
    let run = tenant.start(draft).await;
    copy_run(tenant, run.id, count - 1).await;
}

/// Copies a run that waits for its first job, with that job.
async fn copy_run(tenant: &Tenant, run: RunId, copies: i64) {
    sqlx::query(
        "with new as materialized (
             select gen_random_uuid() as run_id, gen_random_uuid() as job_id
             from generate_series(1, $3)),
         runs as (
             insert into runs
             select (r).* from (
                 select jsonb_populate_record(r, jsonb_build_object('id', new.run_id)) as r
                 from runs r, new
                 where r.project_id = $1 and r.id = $2) as copies),
         labels as (
             insert into run_labels
             select (l).* from (
                 select jsonb_populate_record(l, jsonb_build_object('run_id', new.run_id)) as l
                 from run_labels l, new
                 where l.project_id = $1 and l.run_id = $2) as copies)
         insert into jobs
         select (j).* from (
             select jsonb_populate_record(
                        j, jsonb_build_object('id', new.job_id, 'run_id', new.run_id)) as j
             from jobs j, new
             where j.project_id = $1 and j.run_id = $2) as copies",
    )
    .bind(tenant.project.as_uuid())
    .bind(run.as_uuid())
    .bind(copies)
    .execute(&mut *tenant.connection().await)
    .await
    .unwrap();
}

/// One value of a run, which is `$2` of the query.
pub(crate) async fn of_run<T>(tenant: &Tenant, run: RunId, sql: &'static str) -> T
where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin,
{
    let query: QueryScalar<'_, Postgres, T, PgArguments> = sqlx::query_scalar(sql);
    query
        .bind(tenant.project.as_uuid())
        .bind(run.as_uuid())
        .fetch_one(&mut *tenant.connection().await)
        .await
        .unwrap()
}
