//! Writes where the runs stand.

use mobius_engine::RunState;
use mobius_types::{JsonObject, ProjectId, RunId, Timestamp, WorkflowRunStatus};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Error, advance::LockedRun};

/// Writes the runs that have changed. One that runs without a claim, because no worker was needed,
/// has started with that.
pub(super) async fn update_runs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    runs: &[(&RunId, &LockedRun)],
) -> Result<(), Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = runs.iter().map(|(id, _)| id.as_uuid()).collect();
    let statuses: Vec<WorkflowRunStatus> = runs.iter().map(|(_, run)| run.status).collect();
    let states: Vec<Json<&RunState>> = runs.iter().map(|(_, run)| Json(&run.state)).collect();
    let after = || runs.iter().map(|(_, run)| *run);
    let results = after().map(|run| run.result.as_ref().map(Json));
    let results: Vec<Option<Json<&JsonObject>>> = results.collect();
    let errors: Vec<Option<&str>> = after().map(|run| run.error_message.as_deref()).collect();
    let attempts: Vec<i32> = runs.iter().map(|(_, run)| run.attempt).collect();
    let cancels: Vec<bool> = runs.iter().map(|(_, run)| run.cancel_requested).collect();
    let cancellers: Vec<Option<&str>> = after().map(|run| run.cancelled_by.as_deref()).collect();
    let done = sqlx::query!(
        "update runs r
         set status = new.status,
             attempt = new.attempt,
             cancel_requested = new.cancel_requested,
             cancelled_by = new.cancelled_by,
             state = new.state, result = new.result,
             error_message = new.error,
             completed_at = case when new.status in ('completed', 'failed') then $2::timestamptz end,
             started_at = coalesce(
                 r.started_at, case new.status when 'running' then $2::timestamptz end),
             updated_at = $2
         from unnest($3::uuid[], $4::run_status[], $5::jsonb[], $6::jsonb[], $7::text[],
                     $8::int[], $9::bool[], $10::text[])
              as new (id, status, state, result, error, attempt, cancel_requested, cancelled_by)
         where r.project_id = $1 and r.id = new.id and r.id = any($3)
           -- Only a retry takes a run on that has ended.
           and (r.status not in ('completed', 'failed') or new.attempt > r.attempt)",
        project.as_uuid(),
        now,
        &ids,
        &statuses as _,
        &states as _,
        &results as _,
        &errors as _,
        &attempts,
        &cancels,
        &cancellers as _,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == runs.len() as u64 {
        Ok(())
    } else {
        // The rows are locked by this transaction too.
        Err(Error::Corrupt(
            "a run had ended before it was moved on".to_owned(),
        ))
    }
}
