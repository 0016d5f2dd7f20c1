//! A claim that was given back gives its room back, too.

use std::time::Duration;

use mobius_types::{JobId, ProjectId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LimitChanges, LimitId, changes::lock};
use crate::Error;

/// The lane of a job that has a limit.
pub(crate) struct LimitedLane {
    limit: LimitId,
    queue: String,
    action: String,
}

/// Locks the job and then its limit, if it has one: the order in which everybody locks them.
pub(crate) async fn lock_of_job(
    connection: &mut PgConnection,
    project: ProjectId,
    job: JobId,
) -> Result<Option<LimitedLane>, Error> {
    let lane = sqlx::query_as!(
        LimitedLane,
        r#"select limit_id as "limit!: Uuid", queue, action from jobs
           where project_id = $1 and id = $2 and limit_id is not null
           for update"#,
        project.as_uuid(),
        job.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(lane) = &lane {
        lock(connection, project, &[lane.limit]).await?;
    }
    Ok(lane)
}

/// The job waits again.
pub(crate) async fn open_of_job(
    connection: &mut PgConnection,
    project: ProjectId,
    lane: &LimitedLane,
) -> Result<(), Error> {
    let mut changes = LimitChanges::default();
    changes.free(Some(lane.limit));
    changes.wait(Some(lane.limit), &lane.queue, &lane.action, Duration::ZERO);
    let now = sqlx::query_scalar!(r#"select mobius_now() as "now!""#)
        .fetch_one(&mut *connection)
        .await?;
    changes.write(connection, project, now).await?;
    Ok(())
}
