//! Writes what a batch of settlements changed: one statement a table.

use mobius_engine::RunState;
use mobius_types::{
    EventType, JobId, JobStatus, JsonObject, ProjectId, RunId, Timestamp, WorkflowRunStatus,
};
use serde_json::json;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    ledger::{EndedAttempt, JobChange, Ledger},
    load::LockedRun,
    millis,
};
use crate::{
    Error,
    events::{self, Frames},
    jobs::insert_jobs,
};

/// Writes all of it. The order keeps a job that was enqueued and stopped in one batch stopped,
/// and takes the counter last.
pub(super) async fn write(
    connection: &mut PgConnection,
    project: ProjectId,
    ledger: Ledger<'_>,
) -> Result<(), Error> {
    let Ledger {
        now,
        runs,
        changes,
        attempts,
        new_jobs,
        stopped,
        mut frames,
        ..
    } = ledger;
    update_jobs(connection, project, now, &changes).await?;
    insert_attempts(connection, project, now, &attempts).await?;
    insert_jobs(connection, project, now, &new_jobs).await?;
    stop_jobs(connection, project, now, &stopped, &mut frames).await?;
    let changed: Vec<_> = runs.iter().filter(|(_, run)| run.changed).collect();
    update_runs(connection, project, now, &changed).await?;
    events::append(connection, project, now, frames).await
}

async fn update_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    changes: &[JobChange],
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changes.iter().map(|c| c.id.as_uuid()).collect();
    let attempts: Vec<i32> = changes.iter().map(|c| c.attempt).collect();
    let statuses: Vec<JobStatus> = changes.iter().map(|c| c.status).collect();
    let delays: Vec<i64> = changes.iter().map(|c| millis(c.delay)).collect();
    let max_attempts: Vec<i32> = changes.iter().map(|c| c.max_attempts).collect();
    let rescues: Vec<i32> = changes.iter().map(|c| c.rescues).collect();
    let policies: Vec<Option<i16>> = changes.iter().map(|c| c.progress.policy).collect();
    let retries: Vec<i32> = changes.iter().map(|c| c.progress.retries).collect();
    let timeouts: Vec<Option<i64>> = changes.iter().map(|c| c.timeout_ms).collect();
    let results: Vec<Option<&[u8]>> = changes.iter().map(|c| c.result.as_deref()).collect();
    let types: Vec<Option<&str>> = changes
        .iter()
        .map(|c| c.error.as_ref().map(|e| e.kind.as_str()))
        .collect();
    let errors: Vec<Option<&str>> = changes
        .iter()
        .map(|c| c.error.as_ref().map(|e| e.message.as_str()))
        .collect();
    let fences: Vec<bool> = changes.iter().map(|c| c.keeps_fence).collect();
    let done = sqlx::query_file!(
        "src/jobs/settle/update_jobs.sql",
        project.as_uuid(),
        now,
        &ids,
        &attempts,
        &statuses as _,
        &delays,
        &max_attempts,
        &rescues,
        &policies as _,
        &retries,
        &timeouts as _,
        &results as _,
        &types as _,
        &errors as _,
        &fences,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == changes.len() as u64 {
        Ok(())
    } else {
        // The rows are locked by this transaction, so this is a mistake of ours: undo it all.
        Err(Error::Corrupt(
            "a settled job was not claimed any more".to_owned(),
        ))
    }
}

async fn insert_attempts(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    attempts: &[EndedAttempt],
) -> Result<(), Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let jobs: Vec<Uuid> = attempts.iter().map(|a| a.job.as_uuid()).collect();
    let runs: Vec<Uuid> = attempts.iter().map(|a| a.run.as_uuid()).collect();
    let numbers: Vec<i32> = attempts.iter().map(|a| a.attempt).collect();
    let workers: Vec<&str> = attempts.iter().map(|a| a.worker.as_str()).collect();
    let reporters: Vec<Option<Uuid>> = attempts
        .iter()
        .map(|a| a.reported_by.map(mobius_types::UserId::as_uuid))
        .collect();
    let types: Vec<&str> = attempts.iter().map(|a| a.error.kind.as_str()).collect();
    let errors: Vec<&str> = attempts.iter().map(|a| a.error.message.as_str()).collect();
    let claimed: Vec<Timestamp> = attempts.iter().map(|a| a.claimed_at).collect();
    sqlx::query!(
        "insert into job_attempts
             (project_id, job_id, run_id, attempt, worker_id, reported_by, error_type,
              error_message, claimed_at, ended_at)
         select $1, job, run, attempt, worker, reporter, error_type, error, claimed_at, $2
         from unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::uuid[], $8::text[],
                     $9::text[], $10::timestamptz[])
              as ended (job, run, attempt, worker, reporter, error_type, error, claimed_at)",
        project.as_uuid(),
        now,
        &jobs,
        &runs,
        &numbers,
        &workers as _,
        &reporters as _,
        &types as _,
        &errors as _,
        &claimed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the waiting jobs of the runs, and has the workers of the claimed ones told to stop.
async fn stop_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    runs: &[RunId],
    frames: &mut Frames,
) -> Result<(), Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let runs: Vec<Uuid> = runs.iter().map(|run| run.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"update jobs
           set status = case status when 'pending' then 'failed' else status end,
               error_type = case status when 'pending' then 'cancelled' else error_type end,
               last_error = case status when 'pending' then 'the run has ended' else last_error end,
               completed_at = case status when 'pending' then $2::timestamptz else completed_at end,
               cancel_requested = true,
               updated_at = $2
           where project_id = $1 and run_id = any($3) and status in ('pending', 'claimed')
           returning id, run_id, step_name, action, queue, branch, greatest(attempt, 1) as "attempt!",
                     status as "status: JobStatus""#,
        project.as_uuid(),
        now,
        &runs,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let data = json!({
            "job_id": JobId::from(row.id),
            "step_name": row.step_name,
            "action": row.action,
            "branch_id": row.branch,
            "queue": row.queue,
            "status": row.status,
            "attempt": row.attempt,
            "cancel_requested": true,
        });
        frames.push(row.run_id.into(), EventType::JobUpdated, data);
    }
    Ok(())
}

async fn update_runs(
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
    let results: Vec<Option<Json<&JsonObject>>> = runs
        .iter()
        .map(|(_, run)| run.result.as_ref().map(Json))
        .collect();
    let errors: Vec<Option<&str>> = runs
        .iter()
        .map(|(_, run)| run.error_message.as_deref())
        .collect();
    let done = sqlx::query!(
        "update runs r
         set status = new.status,
             state = new.state,
             result = new.result,
             error_message = new.error,
             completed_at = case when new.status in ('completed', 'failed') then $2::timestamptz end,
             updated_at = $2
         from unnest($3::uuid[], $4::run_status[], $5::jsonb[], $6::jsonb[], $7::text[])
              as new (id, status, state, result, error)
         where r.project_id = $1 and r.id = new.id and r.id = any($3)
           and r.status not in ('completed', 'failed')",
        project.as_uuid(),
        now,
        &ids,
        &statuses as _,
        &states as _,
        &results as _,
        &errors as _,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == runs.len() as u64 {
        Ok(())
    } else {
        // The rows are locked by this transaction too.
        Err(Error::Corrupt(
            "a run had ended before it was settled".to_owned(),
        ))
    }
}
