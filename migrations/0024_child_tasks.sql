-- What is left to do between runs and their children, noted by the transaction that leads to it:
-- whoever looks for it finds only that, however many children there are.

create table child_tasks (
    -- The project of both.
    project_id uuid not null,
    -- The child.
    child_id uuid not null,
    -- The job that started it.
    job_id uuid not null,
    -- Whether the child is to be cancelled, because the job waits for it no more; else the child
    -- has ended, and the job is to end.
    cancels boolean not null,
    -- When a loop of the scheduler is to do it, should the replica not have done it by then.
    due_at timestamptz not null,
    primary key (project_id, child_id, cancels)
) with (autovacuum_vacuum_scale_factor = 0.05);

create index child_tasks_due on child_tasks (due_at);
alter table child_tasks alter column project_id set statistics 0;

-- What was left to do before.
insert into child_tasks (project_id, child_id, job_id, cancels, due_at)
select c.project_id, c.id, c.parent_job_id, c.completed_at is null, mobius_now()
from runs c
left join jobs j
  on j.project_id = c.project_id and j.id = c.parent_job_id and j.status = 'claimed'
 and j.child_run_id = c.id
where c.parent_job_id is not null
  and case when c.completed_at is null
           then not c.cancel_requested and c.attempt = 1
                and (j.id is null or j.cancel_requested)
           else j.id is not null end;

drop index jobs_with_children;
