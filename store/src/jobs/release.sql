-- Gives a claim back. $1 project, $2 job, $3 worker, $4 attempt, $5 actor.
with clock as materialized (select mobius_now() as now),
-- A job that was told to stop while it was claimed must not run any more, and its end may be what
-- its run waits for: it is left to the loop that takes back what no worker answers for.
abandoned as (
    update jobs
    set lease_expires_at = clock.now
    from clock
    where project_id = $1 and id = $2 and status::text = 'claimed' and claimed_by = $3
      and attempt = $4 and claimed_actor = $5 and cancel_requested),
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
      and attempt = $4 and claimed_actor = $5 and not cancel_requested
    returning id, run_id, step_name, action, queue, branch, attempt, status),
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
               'status', status,
               'attempt', greatest(attempt, 1))))
from released cross join counter cross join clock
