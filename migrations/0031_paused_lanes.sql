-- Queues and actions of which no job is handed out.
create table paused_lanes (
    -- The project.
    project_id uuid not null,
    -- What is paused: 'queue' or 'action'.
    kind text not null,
    -- Its name; there may be no such lane yet.
    name text not null,
    -- Why, as people are told.
    reason text,
    -- Who paused it: the name of a key.
    paused_by text not null,
    -- When it was paused first.
    paused_at timestamptz not null,
    primary key (project_id, kind, name)
);
alter table paused_lanes alter column project_id set statistics 0;
