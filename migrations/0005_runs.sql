-- Runs: one execution of a workflow each.

create type run_status as enum ('queued', 'running', 'completed', 'failed', 'suspended');

create table runs (
    -- The project it belongs to.
    project_id uuid not null,
    -- A run_… id.
    id uuid not null,
    -- The queue that its jobs go to.
    queue text not null,
    -- The run that started it as a child.
    parent_run_id uuid,
    -- The workflow it was started from; none for an inline spec.
    definition_id uuid,
    -- The version it runs; 0 for an inline spec.
    definition_version integer not null,
    -- The workflow's name when the run started.
    workflow_name text not null,
    -- The workflow's handle when the run started; the spec's name for an inline spec.
    workflow_handle text not null,
    -- The spec it runs.
    spec_hash bytea not null,
    -- Where it stands.
    status run_status not null,
    -- How often it was started, from 1.
    attempt integer not null,
    -- The inputs, with defaults filled in.
    inputs jsonb not null,
    -- Labels of the caller's.
    metadata jsonb,
    -- The engine's state: branches, their variables and steps.
    state jsonb not null,
    -- The outputs, once it is completed.
    result jsonb,
    -- Why it failed.
    error_message text,
    -- What kind of actor started it.
    actor_type text not null,
    -- Which actor started it.
    actor_id text not null,
    -- A label of what started it.
    initiated_by text not null,
    -- The caller's own id for it.
    external_id text,
    -- When it was accepted.
    created_at timestamptz not null,
    -- When a job of it was first claimed.
    started_at timestamptz,
    -- When it ended.
    completed_at timestamptz,
    -- When it last changed.
    updated_at timestamptz not null,
    primary key (project_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Lists are newest first; ids sort by time, so each filter needs only its own column before id.
create index runs_status on runs (project_id, status, id);
create index runs_workflow_name on runs (project_id, workflow_name, id);
create index runs_definition on runs (project_id, definition_id, id) where definition_id is not null;
create index runs_external_id on runs (project_id, external_id, id) where external_id is not null;
create index runs_parent on runs (project_id, parent_run_id, id) where parent_run_id is not null;
