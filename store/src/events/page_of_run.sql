-- The events of a run after a number. $1 project, $2 run, $3 the number, $4 rows, $5 bytes.
with page as materialized (
    select first_seq, last_seq, run_id, created_at, frames
    from run_events
    -- Not an equality for the run: only its own index then has the order, and the walk along all
    -- events of the project, which the limit makes look cheap, is no choice.
    where project_id = $1 and (run_id, last_seq) > ($2, $3) and run_id <= $2
    order by run_id, last_seq
    limit $4),
-- How much stands before each row: a page ends early rather than being large.
sized as (
    select page.*, count(*) over () as rows,
           sum(octet_length(frames)) over (order by last_seq) - octet_length(frames) as before
    from page)
-- One row at least, for the head and the oldest event, which are read in the same moment.
select c.event_seq as "head!",
       coalesce((select e.first_seq from run_events e where e.project_id = $1
                 order by e.last_seq limit 1), c.event_seq + 1) as "oldest!",
       s.first_seq as "first_seq?", s.last_seq as "last_seq?", s.run_id as "run_id?",
       s.created_at as "created_at?", s.frames as "frames?", s.rows as "rows?"
from project_counters c
left join sized s on s.before < $5
where c.project_id = $1
order by s.last_seq
