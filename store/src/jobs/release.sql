-- Gives a claim back. $1 project, $2 job, $3 worker, $4 attempt, $5 actor.
with clock as materialized (select mobius_now() as now),
-- A job that was told to stop while it was claimed must not run any more, and its end may be what
-- its run waits for: only its lease ends here, and the loop that takes back what no worker answers
-- for ends the rest. One statement decides, also against a cancellation at the same time.
released as (
    update jobs
    set status = case when cancel_requested then status else 'pending' end,
        attempt = case when cancel_requested then attempt else attempt - 1 end,
        claimed_by = case when cancel_requested then claimed_by end,
        claimed_actor = case when cancel_requested then claimed_actor end,
        claimed_at = case when cancel_requested then claimed_at end,
        heartbeat_at = case when cancel_requested then heartbeat_at end,
        lease_expires_at = case when cancel_requested then clock.now end,
        attempt_deadline_at = case when cancel_requested then attempt_deadline_at end,
        updated_at = clock.now
    from clock
    where project_id = $1 and id = $2 and status::text = 'claimed' and claimed_by = $3
      and attempt = $4 and claimed_actor = $5
    returning id, run_id, step_name, action, queue, branch, attempt, status, cancel_requested),
pending as (
    select * from released where not cancel_requested),
counter as (
    update project_counters set event_seq = event_seq + 1
    where project_id = $1 and exists (select from pending)
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
               'attempt', greatest(attempt, 1))))::text
from pending cross join counter cross join clock
