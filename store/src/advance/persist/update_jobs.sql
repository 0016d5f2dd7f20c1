-- Writes the new values of settled jobs. $1 project, $2 now, then one array a column. Each new value
-- looks its row up by key, and the update goes to the place that was found: joined in any other way
-- the arrays may be walked once for each row. The transaction holds the rows, so they stay in place.
update jobs j
set status = new.status,
    scheduled_at = case new.status when 'pending'
        then $2::timestamptz + new.delay_ms * interval '1 millisecond' else j.scheduled_at end,
    max_attempts = new.max_attempts,
    rescues = new.rescues,
    retry_policy = new.policy,
    retries = new.retries,
    attempt_timeout_ms = new.timeout_ms,
    result = new.result,
    error_type = coalesce(new.error_type, j.error_type),
    last_error = coalesce(new.error, j.last_error),
    claimed_by = case new.status when 'pending' then null else j.claimed_by end,
    claimed_actor = case when new.keeps_fence then j.claimed_actor end,
    heartbeat_at = case new.status when 'pending' then null else j.heartbeat_at end,
    lease_expires_at = null,
    attempt_deadline_at = null,
    completed_at = case new.status when 'pending' then null else $2::timestamptz end,
    updated_at = $2
from unnest($3::uuid[], $4::int[], $5::job_status[], $6::bigint[], $7::int[], $8::int[],
            $9::smallint[], $10::int[], $11::bigint[], $12::bytea[], $13::text[],
            $14::text[], $15::bool[])
     as new (id, attempt, status, delay_ms, max_attempts, rescues, policy, retries,
             timeout_ms, result, error_type, error, keeps_fence)
cross join lateral (
    select held.ctid as place
    from jobs held
    where held.project_id = $1 and held.id = new.id
      and held.status::text = 'claimed' and held.attempt = new.attempt
    -- Keeps the look-up apart from the update.
    offset 0) as found
where j.ctid = found.place and j.project_id = $1
