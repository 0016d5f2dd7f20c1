-- Where a stream may start. $1 project, $2 run or null.
select c.event_seq as "head!", mobius_now() as "now!",
       coalesce((select e.first_seq from run_events e where e.project_id = $1
                 order by e.last_seq limit 1), c.event_seq + 1) as "oldest!",
       r.status as "status?: WorkflowRunStatus", r.attempt as "attempt?",
       r.cancel_requested as "cancel_requested?", r.error_message as "error_message?"
from project_counters c
left join runs r on r.project_id = $1 and r.id = $2
where c.project_id = $1
