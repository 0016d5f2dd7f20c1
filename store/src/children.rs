//! Finds what is left to do between runs and their children: children to start, children that have
//! ended, and children that nobody waits for any more.
//!
//! Each is also begun right after the commit that leads to it. What is found here is what a replica
//! left behind when it died, and the attempts that were put off.

use std::time::Duration;

use mobius_types::{JobId, ProjectId, RunId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error, Store,
    advance::{Input, cancel},
};

/// A job of the control plane that waits to start a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueStart {
    /// Its project.
    pub project: ProjectId,
    /// The run that it belongs to.
    pub run: RunId,
    /// The job.
    pub job: JobId,
}

/// A job and a child of which one has ended without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loose {
    /// The project of both.
    pub project: ProjectId,
    /// The run that the job belongs to.
    pub run: RunId,
    /// The job that started the child.
    pub job: JobId,
    /// The child.
    pub child: RunId,
}

/// Jobs that wait to start a child, longest ago first,
/// but for those of some projects.
///
/// # Errors
/// The database failed.
pub async fn due_starts(
    connection: &mut PgConnection,
    except: &[ProjectId],
    limit: i64,
) -> Result<Vec<DueStart>, Error> {
    let except: Vec<Uuid> = except.iter().map(|project| project.as_uuid()).collect();
    let starts = sqlx::query_as!(
        DueStart,
        "with clock as materialized (select mobius_now() as now)
         select project_id as project, run_id as run, id as job from jobs
         where status = 'pending' and server and scheduled_at <= (select now from clock)
           and project_id <> all($2)
         order by scheduled_at, id
         limit $1",
        limit,
        &except,
    )
    .fetch_all(connection)
    .await?;
    Ok(starts)
}

/// Puts off a job that could not be dealt with, so that it does not stand in front of those behind
/// it.
///
/// # Errors
/// The database failed.
pub async fn postpone_start(
    connection: &mut PgConnection,
    start: DueStart,
    by: Duration,
) -> Result<(), Error> {
    sqlx::query!(
        "with clock as materialized (select mobius_now() as now)
         update jobs
         set scheduled_at = clock.now + make_interval(secs => $3)
         from clock
         where project_id = $1 and id = $2 and server and status::text = 'pending'",
        start.project.as_uuid(),
        start.job.as_uuid(),
        by.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Jobs that wait for a child that has ended, as far as it is due. In the order of their keys, from
/// after the one that is named, so that whoever goes on from there passes those that can't be dealt
/// with.
///
/// # Errors
/// The database failed.
pub async fn ended(
    connection: &mut PgConnection,
    after: Option<Loose>,
    limit: i64,
) -> Result<Vec<Loose>, Error> {
    due_tasks(connection, false, after, limit).await
}

/// Children that go on although the job that started them waits for them no more, as [`ended`].
///
/// # Errors
/// The database failed.
pub async fn orphans(
    connection: &mut PgConnection,
    after: Option<Loose>,
    limit: i64,
) -> Result<Vec<Loose>, Error> {
    due_tasks(connection, true, after, limit).await
}

async fn due_tasks(
    connection: &mut PgConnection,
    cancels: bool,
    after: Option<Loose>,
    limit: i64,
) -> Result<Vec<Loose>, Error> {
    let (project, child) = after.map_or((Uuid::nil(), Uuid::nil()), |after| {
        (after.project.as_uuid(), after.child.as_uuid())
    });
    let tasks = sqlx::query_as!(
        Loose,
        "with clock as materialized (select mobius_now() as now),
         due as materialized (
             select t.project_id, t.child_id, t.job_id from child_tasks t
             where t.due_at <= (select now from clock) and t.cancels = $1
               and (t.project_id, t.child_id) > ($2, $3)
             order by t.project_id, t.child_id
             limit $4)
         select due.project_id as project, j.run_id as run, due.job_id as job, due.child_id as child
         from due
         join jobs j on j.project_id = due.project_id and j.id = due.job_id
         order by due.project_id, due.child_id",
        cancels,
        project,
        child,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(tasks)
}

impl Store {
    /// Starts the child that a job is to wait for. Nothing happens when the job waits no more.
    ///
    /// # Errors
    /// The run can't be read, or the database failed; then nothing changed.
    pub async fn start_child(&self, start: DueStart) -> Result<(), Error> {
        let DueStart { project, run, job } = start;
        let input = Input::StartChild { run, job };
        self.inputs.submit(project, input).await?;
        Ok(())
    }

    /// Ends a job whose child has ended. Nothing happens when it ended before.
    ///
    /// # Errors
    /// The run can't be read, or the database failed; then nothing changed.
    pub async fn end_parent_job(&self, loose: Loose) -> Result<(), Error> {
        let Loose {
            project,
            job,
            child,
            ..
        } = loose;
        let input = Input::ChildEnded { job, child };
        self.inputs.submit(project, input).await?;
        Ok(())
    }

    /// Cancels a child that nobody waits for.
    ///
    /// # Errors
    /// [`Error::RunEnded`], or the run can't be read, or the database failed; then nothing changed.
    pub async fn cancel_orphan(&self, loose: Loose) -> Result<(), Error> {
        let input = cancel(loose.child, loose.run);
        self.inputs.submit(loose.project, input).await?;
        Ok(())
    }
}
