-- The events of a project after a number. $1 project, $2 the number, $3 rows, $4 bytes.
with page as materialized (
    select first_seq, last_seq, run_id, created_at, frames
    from run_events
    where project_id = $1 and last_seq > $2
    order by last_seq
    limit $3),
-- How much stands before each row: a page ends early rather than being large.
sized as (
    select page.*, count(*) over () as rows,
           sum(octet_length(frames)) over (order by last_seq) - octet_length(frames) as before
    from page)
select first_seq as "first_seq!", last_seq as "last_seq!", run_id as "run_id!",
       created_at as "created_at!", frames as "frames!", rows as "rows!"
from sized
where before < $4
order by last_seq
