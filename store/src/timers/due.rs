//! Finds the timers whose time has come.

use std::time::Duration;

use mobius_engine::JobRef;
use mobius_types::{ProjectId, RunId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// A timer whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTimer {
    /// The project of its run.
    pub project: ProjectId,
    /// The run.
    pub run: RunId,
    /// The step execution that waits for it.
    pub job: JobRef,
}

/// Among how many due timers those of different runs are dealt with in turn: more than one run can
/// have.
const LOOKED_AT: i64 = 20_000;

/// Timers whose time has come, longest ago first. A run of which thousands are due at once delays
/// no other: each gives some in its turn. Those of some projects are left out.
///
/// # Errors
/// The database failed.
pub async fn due(
    connection: &mut PgConnection,
    except: &[ProjectId],
    limit: i64,
) -> Result<Vec<DueTimer>, Error> {
    let except: Vec<Uuid> = except.iter().map(|project| project.as_uuid()).collect();
    let rows = sqlx::query!(
        "with clock as materialized (select mobius_now() as now),
         looked as materialized (
             select project_id, run_id, branch, visit, fires_at from timers
             where fires_at <= (select now from clock)
               and project_id <> all($3)
             order by fires_at
             limit $2),
         -- Each run gives its first hundred before any gives more.
         placed as (
             select *, row_number() over (partition by run_id order by fires_at, visit) as place
             from looked)
         select project_id, run_id, branch, visit from placed
         order by (place - 1) / 100, fires_at
         limit $1",
        limit,
        LOOKED_AT,
        &except,
    )
    .fetch_all(connection)
    .await?;
    let timers = rows.into_iter().map(|row| DueTimer {
        project: row.project_id.into(),
        run: row.run_id.into(),
        job: JobRef {
            branch: row.branch,
            visit: row.visit,
        },
    });
    Ok(timers.collect())
}

/// Puts off a timer that could not be dealt with, so that it does not stand in front of those
/// behind it. It fires again after the delay.
///
/// # Errors
/// The database failed.
pub async fn postpone(
    connection: &mut PgConnection,
    timer: &DueTimer,
    by: Duration,
) -> Result<(), Error> {
    sqlx::query!(
        "with clock as materialized (select mobius_now() as now)
         update timers
         set fires_at = greatest(fires_at, clock.now + make_interval(secs => $4))
         from clock
         where project_id = $1 and run_id = $2 and visit = $3",
        timer.project.as_uuid(),
        timer.run.as_uuid(),
        timer.job.visit,
        by.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
