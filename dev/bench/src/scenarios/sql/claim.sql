-- $1 how many.
with picked as materialized (
    select id from jobs
    where queue = 'default' and status = 0
    order by queue, priority desc, scheduled_at, id
    limit $1
    for update skip locked),
claimed as (
    update jobs
    set status = 1, attempt = attempt + 1, worker = 'worker',
        lease_expires_at = statement_timestamp() + interval '90 seconds'
    where id = any(array(select id from picked))
    returning id, run_id),
running as (
    update runs
    set status = 1, updated_at = statement_timestamp()
    where id = any(array(select run_id from claimed))),
history as (
    insert into events (run_id, frames)
    select run_id, '[{"type": "run_updated", "data": {"status": "running"}}, {"type": "job_updated", "data": {"status": "claimed"}}]'
    from claimed)
select id from claimed
