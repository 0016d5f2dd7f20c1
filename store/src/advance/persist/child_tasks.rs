//! Notes what is left to do between runs and their children, and what was done.

use mobius_types::{ProjectId, RunId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error,
    advance::changes::{ChildTask, ChildTaskKind},
};

/// How long this replica has for it, before a loop of the scheduler does it.
const GRACE_SECONDS: f64 = 5.0;

/// Drops what is done, by the child and whether that was to be cancelled, and notes what is to be
/// done.
pub(super) async fn write(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    done: &[(RunId, bool)],
    new: &[ChildTask],
) -> Result<(), Error> {
    if !done.is_empty() {
        let children: Vec<Uuid> = done.iter().map(|(child, _)| child.as_uuid()).collect();
        let cancels: Vec<bool> = done.iter().map(|(_, cancels)| *cancels).collect();
        sqlx::query!(
            "delete from child_tasks t
             using unnest($2::uuid[], $3::bool[]) as done (child, cancels)
             where t.project_id = $1 and t.child_id = any($2)
               and t.child_id = done.child and t.cancels = done.cancels",
            project.as_uuid(),
            &children,
            &cancels,
        )
        .execute(&mut *connection)
        .await?;
    }
    if new.is_empty() {
        return Ok(());
    }
    let children: Vec<Uuid> = new.iter().map(|task| task.child.as_uuid()).collect();
    let jobs: Vec<Uuid> = new.iter().map(|task| task.job.as_uuid()).collect();
    let cancels: Vec<bool> = new
        .iter()
        .map(|task| matches!(task.kind, ChildTaskKind::Cancel { .. }))
        .collect();
    sqlx::query!(
        "insert into child_tasks (project_id, child_id, job_id, cancels, due_at)
         select $1, child, job, cancels, $2::timestamptz + make_interval(secs => $6)
         from unnest($3::uuid[], $4::uuid[], $5::bool[]) as new (child, job, cancels)
         on conflict do nothing",
        project.as_uuid(),
        now,
        &children,
        &jobs,
        &cancels,
        GRACE_SECONDS,
    )
    .execute(connection)
    .await?;
    Ok(())
}
