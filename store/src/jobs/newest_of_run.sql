-- The newest jobs of a run, newest first. $1 project, $2 run, $3 jobs, $4 bytes.
with page as materialized (
    select id, pg_column_size(parameters) as size
    from jobs
    where project_id = $1 and run_id = $2
    order by id desc
    limit $3),
sized as (
    select id, sum(size) over (order by id desc) - size as before
    from page)
select id as "id!"
from sized
where before < $4
