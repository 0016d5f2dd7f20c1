//! Gives a claim back that its worker never heard of.

use mobius_types::ProjectId;
use sqlx::PgConnection;

use super::Fence;
use crate::Error;

/// Puts a job back as if it had not been claimed; returns whether the claim still stood.
///
/// The attempt is not spent: nobody was told of it, so its number can be given out again.
///
/// # Errors
/// The database failed; then the lease's end brings the job back.
pub async fn release(
    connection: &mut PgConnection,
    project: ProjectId,
    fence: &Fence,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "with clock as materialized (select mobius_now() as now),
         released as (
             update jobs
             set status = 'pending',
                 attempt = attempt - 1,
                 claimed_by = null,
                 claimed_actor = null,
                 claimed_at = null,
                 heartbeat_at = null,
                 lease_expires_at = null,
                 attempt_deadline_at = null,
                 updated_at = clock.now
             from clock
             where project_id = $1 and id = $2 and status::text = 'claimed' and claimed_by = $3
               and attempt = $4 and claimed_actor = $5
             returning id, run_id, step_name, action, queue, branch, attempt),
         counter as (
             update project_counters set event_seq = event_seq + 1
             where project_id = $1 and exists (select from released)
             returning event_seq)
         insert into run_events (project_id, first_seq, last_seq, run_id, created_at, frames)
         select $1, event_seq, event_seq, run_id, clock.now,
                jsonb_build_array(jsonb_build_object(
                    'type', 'job_updated',
                    'data', jsonb_build_object(
                        'job_id', 'job_' || replace(id::text, '-', ''),
                        'step_name', step_name,
                        'action', action,
                        'branch_id', branch,
                        'queue', queue,
                        'status', 'pending',
                        'attempt', greatest(attempt, 1))))
         from released cross join counter cross join clock",
        project.as_uuid(),
        fence.job.as_uuid(),
        fence.worker,
        fence.attempt,
        fence.actor.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
