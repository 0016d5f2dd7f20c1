-- The jobs of a run after one of them, oldest first. $1 project, $2 run, $3 the job, $4 jobs,
-- $5 bytes.
with page as materialized (
    select id, pg_column_size(parameters) as size
    from jobs
    where project_id = $1 and run_id = $2 and id > $3
    order by id
    limit $4::bigint + 1),
-- How much stands before each job: a page ends early rather than being large.
sized as (
    select id, count(*) over () as found, sum(size) over (order by id) - size as before
    from page)
select id as "id!", found as "found!"
from sized
where before < $5
order by id
limit $4
