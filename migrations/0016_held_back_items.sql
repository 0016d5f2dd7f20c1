-- Items that stand back behind others are released in their order, past those that were before.
create index jobs_held_back on jobs (project_id, parent_job_id, item_index)
    where status = 'waiting' and parent_job_id is not null;
