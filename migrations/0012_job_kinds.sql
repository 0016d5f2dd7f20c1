-- Jobs that are items of another one, and jobs that only the control plane may claim.

alter table jobs
    -- The job whose items it is one of.
    add column parent_job_id uuid,
    -- Its place among them, from 0.
    add column item_index integer,
    -- Whether only the control plane may claim it.
    add column server boolean not null default false,
    -- The run that it started and waits for.
    add column child_run_id uuid;

-- The claim's index again, without what workers may not claim.
drop index jobs_pending;
create index jobs_pending on jobs (project_id, queue, action, priority desc, scheduled_at, id)
    where status = 'pending' and not server;
-- What the control plane may claim, across all projects.
create index jobs_pending_server on jobs (scheduled_at, id) where status = 'pending' and server;
-- An item is found by its place; no item of a job is made twice.
create unique index jobs_items on jobs (project_id, parent_job_id, item_index)
    where parent_job_id is not null;
