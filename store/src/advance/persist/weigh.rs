//! Bounds how much a batch stops and restarts at once.

use mobius_types::ProjectId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error,
    advance::{
        changes::Changes,
        load::{MAX_STOPPED, count_live_jobs, too_large},
    },
};

/// Refuses a batch of several inputs that stops or restarts too many jobs together, before it has
/// written any of it. The jobs of a single run are never too many.
pub(super) async fn check(
    connection: &mut PgConnection,
    project: ProjectId,
    changes: &Changes,
) -> Result<(), Error> {
    let stopped = changes.stopped.len() + changes.stopped_fan_outs.len();
    if stopped + changes.restarted.len() < 2 {
        return Ok(());
    }
    let runs: Vec<Uuid> = changes.stopped.keys().map(|run| run.as_uuid()).collect();
    let mut jobs = match runs.as_slice() {
        [] => 0,
        runs => count_live_jobs(connection, project, runs).await?,
    };
    if !changes.restarted.is_empty() || !changes.stopped_fan_outs.is_empty() {
        let fan_outs: Vec<Uuid> = changes
            .stopped_fan_outs
            .keys()
            .map(|id| id.as_uuid())
            .collect();
        let (of, visits): (Vec<Uuid>, Vec<i32>) = changes
            .restarted
            .iter()
            .map(|(run, visit)| (run.as_uuid(), *visit))
            .unzip();
        // Those of stopped runs are counted already.
        jobs += sqlx::query_scalar!(
            r#"select coalesce(sum(created - completed), 0)::bigint as "items!" from fan_outs f
               where f.project_id = $1 and f.run_id <> all($5)
                 and (f.job_id = any($2)
                      or (f.run_id = any($3) and exists (
                          select from unnest($3::uuid[], $4::int[]) as restarted (run_id, visit)
                          where restarted.run_id = f.run_id and restarted.visit = f.visit)))"#,
            project.as_uuid(),
            &fan_outs,
            &of,
            &visits,
            &runs,
        )
        .fetch_one(connection)
        .await?;
    }
    if jobs > MAX_STOPPED {
        return Err(too_large());
    }
    Ok(())
}
