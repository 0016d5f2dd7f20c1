-- The ended attempts of one run in the order of their ends: what the action log shows.
create index job_attempts_run on job_attempts (project_id, run_id, ended_at, job_id, attempt);
