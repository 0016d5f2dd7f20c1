//! Finds the fan-outs of which items are still to be made.
//!
//! The replica that made the first ones goes on by itself; what is found here is what it left
//! behind when it died.

use std::time::Duration;

use mobius_types::{JobId, ProjectId, RunId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, Store, advance::Input};

/// A fan-out that nobody has worked on in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueFanOut {
    /// The project of its run.
    pub project: ProjectId,
    /// The run.
    pub run: RunId,
    /// The job whose items are to be made.
    pub job: JobId,
}

/// Fan-outs whose next items are due, longest ago first,
/// but for those of some projects.
///
/// # Errors
/// The database failed.
pub async fn due(
    connection: &mut PgConnection,
    except: &[ProjectId],
    limit: i64,
) -> Result<Vec<DueFanOut>, Error> {
    let except: Vec<Uuid> = except.iter().map(|project| project.as_uuid()).collect();
    let fan_outs = sqlx::query_as!(
        DueFanOut,
        "with clock as materialized (select mobius_now() as now)
         select project_id as project, run_id as run, job_id as job from fan_outs
         where next_chunk_at is not null and next_chunk_at <= (select now from clock)
           and project_id <> all($2)
         order by next_chunk_at
         limit $1",
        limit,
        &except,
    )
    .fetch_all(connection)
    .await?;
    Ok(fan_outs)
}

/// Puts off a fan-out that could not be dealt with, so that it does not stand in front of those
/// behind it.
///
/// # Errors
/// The database failed.
pub async fn postpone(
    connection: &mut PgConnection,
    fan_out: DueFanOut,
    by: Duration,
) -> Result<(), Error> {
    sqlx::query!(
        "with clock as materialized (select mobius_now() as now)
         update fan_outs
         set next_chunk_at = clock.now + make_interval(secs => $3)
         from clock
         where project_id = $1 and job_id = $2 and next_chunk_at is not null",
        fan_out.project.as_uuid(),
        fan_out.job.as_uuid(),
        by.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Makes the next items of a fan-out; those after them follow by themselves. Nothing happens
    /// when it is over.
    ///
    /// # Errors
    /// The run can't be read, or the database failed; then nothing changed.
    pub async fn expand_fan_out(&self, fan_out: DueFanOut) -> Result<(), Error> {
        let DueFanOut { project, run, job } = fan_out;
        let input = Input::Chunk { run, fan_out: job };
        self.inputs.submit(project, input).await?;
        Ok(())
    }
}
