//! Deletes projects: hidden at once, purged in small bites.
//!
//! A project may hold millions of rows, more than one request or transaction should delete. So
//! the request only marks the project, and a background loop purges it.

use mobius_types::{OrgId, ProjectId};
use sqlx::PgConnection;

use crate::Error;

/// How many rows of a table one purge deletes at most.
const BITE: i64 = 2_000;

/// A request that was on its way when the project was deleted ends within this time; after that
/// nothing writes to the project any more.
const GRACE_SECONDS: f64 = 60.0;

/// Hides a project and everything in it from now on, and ends its pinned keys. Returns whether
/// it was there.
///
/// # Errors
/// The database failed.
pub async fn delete(
    connection: &mut PgConnection,
    org: OrgId,
    id: ProjectId,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update projects set deleted_at = mobius_now(), updated_at = mobius_now()
         where org_id = $1 and id = $2 and deleted_at is null",
        org.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How far a purge got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// There is no deleted project whose purge is due.
    Nothing,
    /// Rows were deleted, and more may be left.
    Rows(u64),
    /// Nothing was left of the project, and now it is gone itself.
    Project,
}

/// Deletes some rows of the project that was deleted longest ago.
///
/// # Errors
/// The database failed.
pub async fn purge(connection: &mut PgConnection) -> Result<Purged, Error> {
    let due = sqlx::query_scalar!(
        "select id from projects
         where deleted_at is not null and deleted_at < mobius_now() - make_interval(secs => $1)
         order by deleted_at
         limit 1
         for update skip locked",
        GRACE_SECONDS,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(project) = due else {
        return Ok(Purged::Nothing);
    };
    let rows = purge_runs(connection, project.into()).await?
        + purge_limits(connection, project.into()).await?;
    if rows > 0 {
        return Ok(Purged::Rows(rows));
    }
    purge_rest(connection, project.into()).await?;
    Ok(Purged::Project)
}

/// A bite of each table that grows with the project's work.
async fn purge_runs(connection: &mut PgConnection, project: ProjectId) -> Result<u64, Error> {
    let rows = sqlx::query_scalar!(
        r#"with gone_events as (
             delete from run_events where (project_id, last_seq) in (
                 select project_id, last_seq from run_events where project_id = $1 limit $2)
             returning 1),
         gone_attempts as (
             delete from job_attempts where (project_id, job_id, attempt) in (
                 select project_id, job_id, attempt from job_attempts where project_id = $1 limit $2)
             returning 1),
         gone_jobs as (
             delete from jobs where (project_id, id) in (
                 select project_id, id from jobs where project_id = $1 limit $2)
             returning 1),
         gone_timers as (
             delete from timers where (project_id, run_id, visit) in (
                 select project_id, run_id, visit from timers where project_id = $1 limit $2)
             returning 1),
         gone_signals as (
             delete from signals where (project_id, run_id, id) in (
                 select project_id, run_id, id from signals where project_id = $1 limit $2)
             returning 1),
         gone_interactions as (
             delete from interactions where (project_id, id) in (
                 select project_id, id from interactions where project_id = $1 limit $2)
             returning 1),
         gone_fan_outs as (
             delete from fan_outs where (project_id, job_id) in (
                 select project_id, job_id from fan_outs where project_id = $1 limit $2)
             returning 1),
         gone_labels as (
             delete from run_labels where (project_id, workflow_name, run_id) in (
                 select project_id, workflow_name, run_id from run_labels
                 where project_id = $1 limit $2)
             returning 1),
         gone_runs as (
             delete from runs where (project_id, id) in (
                 select project_id, id from runs where project_id = $1 limit $2)
             returning 1)
         select (select count(*) from gone_events) + (select count(*) from gone_attempts)
              + (select count(*) from gone_jobs) + (select count(*) from gone_timers)
              + (select count(*) from gone_signals) + (select count(*) from gone_interactions)
              + (select count(*) from gone_fan_outs) + (select count(*) from gone_runs)
              + (select count(*) from gone_labels)
                as "rows!""#,
        project.as_uuid(),
        BITE,
    )
    .fetch_one(connection)
    .await?;
    Ok(rows.unsigned_abs())
}

/// A bite of the limits.
async fn purge_limits(connection: &mut PgConnection, project: ProjectId) -> Result<u64, Error> {
    let rows = sqlx::query_scalar!(
        r#"with gone_lanes as (
             delete from limit_lanes where (project_id, limit_id, queue, action) in (
                 select project_id, limit_id, queue, action from limit_lanes
                 where project_id = $1 limit $2)
             returning 1),
         gone_limits as (
             delete from job_limits where (project_id, id) in (
                 select project_id, id from job_limits where project_id = $1 limit $2)
             returning 1)
         select (select count(*) from gone_lanes) + (select count(*) from gone_limits)
                as "rows!""#,
        project.as_uuid(),
        BITE,
    )
    .fetch_one(connection)
    .await?;
    Ok(rows.unsigned_abs())
}

/// The tables that stay small, and the project itself.
async fn purge_rest(connection: &mut PgConnection, project: ProjectId) -> Result<(), Error> {
    let project = project.as_uuid();
    // In the order of the foreign keys.
    sqlx::query!(
        "delete from workflow_versions where project_id = $1",
        project
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from workflows where project_id = $1", project)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "with gone_specs as (delete from specs where project_id = $1),
         gone_lanes as (delete from job_lanes where project_id = $1),
         gone_pauses as (delete from paused_lanes where project_id = $1),
         gone_workers as (delete from workers where project_id = $1),
         gone_tasks as (delete from child_tasks where project_id = $1),
         gone_counter as (delete from project_counters where project_id = $1)
         delete from projects where id = $1",
        project,
    )
    .execute(connection)
    .await?;
    Ok(())
}
