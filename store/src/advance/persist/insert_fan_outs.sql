-- Inserts fan-outs. $1 project, $2 now, $3 how long this replica has to go on, then one array a
-- column.
insert into fan_outs
    (project_id, job_id, run_id, branch, visit, step_name, action, queue, server, items, created,
     released, max_concurrency, max_failures, stores_results, attempt_timeout_ms, max_attempts,
     next_chunk_at, created_at, ended_at, parameter_bytes)
select $1, id, run_id, branch, visit, step_name, action, queue, server, items, created,
       released, max_concurrency, max_failures, stores_results, timeout_ms, max_attempts,
       case when unmade then $2::timestamptz + make_interval(secs => $3) end, $2,
       case when ended then $2::timestamptz end, bytes
from unnest($4::uuid[], $5::uuid[], $6::text[], $7::int[], $8::text[], $9::text[], $10::text[],
            $11::bool[], $12::int[], $13::int[], $14::int[], $15::int[], $16::int[], $17::bool[],
            $18::bigint[], $19::int[], $20::bool[], $21::bool[], $22::bigint[])
     as new (id, run_id, branch, visit, step_name, action, queue, server, items, created, released,
             max_concurrency, max_failures, stores_results, timeout_ms, max_attempts, unmade, ended,
             bytes)
