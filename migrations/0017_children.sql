-- The looks that find what a replica left undone between a run and its child.

-- Jobs that wait for a child.
create index jobs_with_children on jobs (project_id, id)
    where status = 'claimed' and child_run_id is not null;
-- Children that have not ended.
create index runs_live_children on runs (project_id, id)
    where parent_job_id is not null and completed_at is null;
