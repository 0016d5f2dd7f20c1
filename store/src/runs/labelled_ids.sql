-- Like ids.sql, but of runs that are labelled so; what a filter does not say is null: $6 workflow's
-- name, $7 queue, $8 parent, $9 label of what started them, $10 the caller's id, $11 workflow. An
-- index for each filter: whatever it is, none of the other runs are walked.
select l.run_id as id
from run_labels l
join runs r on r.project_id = l.project_id and r.id = l.run_id
where l.project_id = $1
  and ($2::uuid is null or l.run_id < $2)
  and ($4::run_status is null or r.status = $4)
  and not ($5 and r.cancel_requested and r.completed_at is null)
  and ($6::text is null or l.workflow_name = $6)
  and ($7::text is null or l.queue = $7)
  and ($8::uuid is null or l.parent_run_id = $8)
  and ($9::text is null or l.initiated_by = $9)
  and ($10::text is null or l.external_id = $10)
  and ($11::uuid is null or l.definition_id = $11)
order by l.run_id desc
limit $3
