//! Writes what became of jobs whose attempts ended.

use mobius_types::{JobStatus, ProjectId, RunId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error,
    advance::{
        changes::{EndedAttempt, JobChange, ServerClaim},
        millis,
    },
};

/// Claims jobs for the control plane, which needs no lease.
pub(super) async fn claim(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    claims: &[ServerClaim],
) -> Result<(), Error> {
    if claims.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = claims.iter().map(|claim| claim.job.as_uuid()).collect();
    let attempts: Vec<i32> = claims.iter().map(|claim| claim.attempt).collect();
    let children: Vec<Option<Uuid>> = claims
        .iter()
        .map(|claim| claim.child.map(RunId::as_uuid))
        .collect();
    let done = sqlx::query!(
        "update jobs j
         set status = 'claimed',
             attempt = new.attempt,
             claimed_by = 'mobius',
             claimed_actor = null,
             claimed_at = $2,
             heartbeat_at = null,
             lease_expires_at = null,
             attempt_deadline_at =
                 $2::timestamptz + j.attempt_timeout_ms * interval '1 millisecond',
             child_run_id = new.child,
             updated_at = $2
         from unnest($3::uuid[], $4::int[], $5::uuid[]) as new (id, attempt, child)
         where j.project_id = $1 and j.id = new.id and j.id = any($3)
           and j.status::text = 'pending' and j.attempt = new.attempt - 1",
        project.as_uuid(),
        now,
        &ids,
        &attempts,
        &children as _,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == claims.len() as u64 {
        Ok(())
    } else {
        Err(Error::Corrupt(
            "a job to claim did not wait any more".to_owned(),
        ))
    }
}

/// Writes the new values of the jobs.
pub(super) async fn update_jobs(
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
        "src/advance/persist/update_jobs.sql",
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

/// Keeps the attempts that others follow.
pub(super) async fn insert_attempts(
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
