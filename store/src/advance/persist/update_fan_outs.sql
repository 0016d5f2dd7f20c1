-- Writes the counters of fan-outs, and what became of the jobs whose items they are. $1 project,
-- $2 now, $3 how long this replica has to go on, then one array a column.
with new as materialized (
    select *
    from unnest($4::uuid[], $5::int[], $6::int[], $7::int[], $8::int[], $9::bool[], $10::bool[],
                $11::job_status[], $12::text[], $13::text[], $14::bigint[])
         as new (id, created, released, completed, failed, unmade, ended, status, error_type, error,
                 bytes)),
counted as (
    update fan_outs f
    set created = new.created,
        released = new.released,
        completed = new.completed,
        failed = new.failed,
        parameter_bytes = new.bytes,
        next_chunk_at = case when new.unmade then $2::timestamptz + make_interval(secs => $3) end,
        ended_at = case when new.ended then coalesce(f.ended_at, $2) end
    from new
    where f.project_id = $1 and f.job_id = new.id and f.job_id = any($4))
update jobs j
set status = new.status,
    error_type = new.error_type,
    last_error = new.error,
    completed_at = $2,
    updated_at = $2
from new
where j.project_id = $1 and j.id = new.id and j.id = any($4)
  and new.status is not null and j.status::text = 'waiting'
