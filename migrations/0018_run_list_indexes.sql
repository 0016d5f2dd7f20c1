-- The filters of run lists that had no index yet: a filter that few runs match walks no others.

-- Runs of a queue.
create index runs_queue on runs (project_id, queue, id);
-- Runs by the label of what started them.
create index runs_initiated_by on runs (project_id, initiated_by, id);
