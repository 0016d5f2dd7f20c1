-- The ended attempts of a run's jobs after one of them, in the order of their ends. $1 project,
-- $2 run, $3 to $5 the attempt's end, job and number, $6 attempts, $7 bytes.
with entries as (
    -- Attempts that were followed by another one.
    (select a.ended_at, a.job_id, a.attempt, false as is_last
     from job_attempts a
     where a.project_id = $1 and a.run_id = $2
       and (a.ended_at, a.job_id, a.attempt) > (coalesce($3::timestamptz, '-infinity'), $4, $5)
     order by a.ended_at, a.job_id, a.attempt
     limit $6::bigint + 1)
    union all
    -- The last attempt of each job that has ended. One that was stopped while it waited has none.
    (select j.completed_at, j.id, j.attempt, true
     from jobs j
     where j.project_id = $1 and j.run_id = $2
       and j.status::text in ('completed', 'failed') and j.claimed_by is not null
       and (j.completed_at, j.id, j.attempt) > (coalesce($3::timestamptz, '-infinity'), $4, $5)
     order by j.completed_at, j.id, j.attempt
     limit $6::bigint + 1)),
page as materialized (
    select * from entries
    order by ended_at, job_id, attempt
    limit $6::bigint + 1),
-- How much stands before each entry: a page ends early rather than being large.
sized as (
    select page.*, count(*) over () as found,
           sum(size) over (order by page.ended_at, page.job_id, page.attempt) - size as before
    from page
    join lateral (
        select pg_column_size(j.parameters)
               + case when page.is_last then coalesce(octet_length(j.result), 0) else 0 end as size
        from jobs j
        where j.project_id = $1 and j.id = page.job_id) as measured on true)
select s.job_id as "job_id!", s.attempt as "attempt!", s.ended_at as "ended_at!",
       s.found as "found!", j.action as "action!", j.step_name as "step_name!",
       j.branch as "branch!", j.parameters as "parameters!: Json<JsonObject>",
       coalesce(a.worker_id, j.claimed_by) as "worker_id!",
       coalesce(a.claimed_at, j.claimed_at) as "claimed_at!",
       case when s.is_last and j.status = 'completed' then j.result end as "result?",
       case when s.is_last and j.status = 'failed' then j.error_type else a.error_type end
           as "error_type?",
       case when s.is_last and j.status = 'failed' then j.last_error else a.error_message end
           as "error?"
from sized s
join jobs j on j.project_id = $1 and j.id = s.job_id and j.id = any(array(select job_id from page))
left join job_attempts a
  on not s.is_last and a.project_id = $1 and a.job_id = s.job_id and a.attempt = s.attempt
 and a.ended_at = s.ended_at
where s.before < $7
order by s.ended_at, s.job_id, s.attempt
limit $6
