//! Finds claimed jobs whose time is over: expired leases and attempts that took too long.

use std::time::Duration;

use mobius_types::{JobId, ProjectId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// A claimed job whose lease or attempt should have ended by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// Its project.
    pub project: ProjectId,
    /// The job.
    pub job: JobId,
    /// The attempt that is over. A newer one must not be ended in its place.
    pub attempt: i32,
}

/// Jobs whose lease has expired, longest ago first, but for those of some projects.
///
/// # Errors
/// The database failed.
pub async fn expired_leases(
    connection: &mut PgConnection,
    except: &[ProjectId],
    limit: i64,
) -> Result<Vec<Overdue>, Error> {
    let except: Vec<Uuid> = except.iter().map(|project| project.as_uuid()).collect();
    let overdue = sqlx::query_as!(
        Overdue,
        "with clock as materialized (select mobius_now() as now)
         select project_id as project, id as job, attempt from jobs
         where status = 'claimed' and lease_expires_at <= (select now from clock)
           and project_id <> all($2)
         order by lease_expires_at
         limit $1",
        limit,
        &except,
    )
    .fetch_all(connection)
    .await?;
    Ok(overdue)
}

/// Jobs whose attempt has taken longer than its timeout, longest ago first, but for those of some
/// projects.
///
/// # Errors
/// The database failed.
pub async fn spent_attempts(
    connection: &mut PgConnection,
    except: &[ProjectId],
    limit: i64,
) -> Result<Vec<Overdue>, Error> {
    let except: Vec<Uuid> = except.iter().map(|project| project.as_uuid()).collect();
    let overdue = sqlx::query_as!(
        Overdue,
        "with clock as materialized (select mobius_now() as now)
         select project_id as project, id as job, attempt from jobs
         where status = 'claimed' and attempt_deadline_at is not null
           and attempt_deadline_at <= (select now from clock)
           and project_id <> all($2)
         order by attempt_deadline_at
         limit $1",
        limit,
        &except,
    )
    .fetch_all(connection)
    .await?;
    Ok(overdue)
}

/// Puts off an overdue job that could not be settled, so that it does not stand in front of
/// those behind it. It is tried again after the delay.
///
/// # Errors
/// The database failed.
pub async fn postpone(
    connection: &mut PgConnection,
    overdue: Overdue,
    by: Duration,
) -> Result<(), Error> {
    sqlx::query!(
        "with clock as materialized (select mobius_now() as now)
         update jobs
         -- Only what is over moves: the lease of a late attempt is its worker's business, and an
         -- attempt without a deadline gets none.
         set lease_expires_at = case when lease_expires_at <= clock.now
                 then clock.now + make_interval(secs => $4) else lease_expires_at end,
             attempt_deadline_at = case when attempt_deadline_at <= clock.now
                 then clock.now + make_interval(secs => $4) else attempt_deadline_at end
         from clock
         where project_id = $1 and id = $2 and attempt = $3 and status::text = 'claimed'",
        overdue.project.as_uuid(),
        overdue.job.as_uuid(),
        overdue.attempt,
        by.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
