-- The events of one run in order: what a run's stream replays. Without it a replay would walk
-- along all events of the project.
create index run_events_run on run_events (project_id, run_id, last_seq);
