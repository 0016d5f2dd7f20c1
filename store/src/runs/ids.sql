-- The newest runs, by id. $1 project, $2 the id before which they begin, $3 how many, $4 status or
-- null, $5 whether those are left out that are ending because they were cancelled.
select id
from runs
where project_id = $1
  and ($2::uuid is null or id < $2)
  and ($4::run_status is null or status = $4)
  and not ($5 and cancel_requested and completed_at is null)
order by id desc
limit $3
