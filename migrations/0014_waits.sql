-- What runs wait for besides jobs: times, signals and people.

create table timers (
    -- The project of the run.
    project_id uuid not null,
    -- The run.
    run_id uuid not null,
    -- Which step execution of the run waits for it.
    visit integer not null,
    -- The branch that waits.
    branch text not null,
    -- When it fires; later when it could not be dealt with.
    fires_at timestamptz not null,
    primary key (project_id, run_id, visit)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

create index timers_due on timers (fires_at);
-- See 0010: for a project that the statistics do not know, rows are looked up by their whole key.
alter table timers alter column project_id set statistics 0;

create table signals (
    -- The project of the run.
    project_id uuid not null,
    -- The run it was sent to.
    run_id uuid not null,
    -- A sig_… id.
    id uuid not null,
    -- The order of a run's signals. They are written under the lock of the run, so a later one
    -- has a larger number.
    seq bigint not null generated always as identity,
    -- What waits for it names.
    name text not null,
    -- What it carries.
    payload jsonb not null,
    -- When it was accepted.
    created_at timestamptz not null,
    -- When a wait took it; never taken again.
    consumed_at timestamptz,
    -- The branch that took it.
    consumed_branch text,
    -- The step execution that took it.
    consumed_visit integer,
    primary key (project_id, run_id, id)
);

create index signals_stored on signals (project_id, run_id, seq) where consumed_at is null;
alter table signals alter column project_id set statistics 0;

create type interaction_status as enum ('pending', 'completed', 'expired');

create table interactions (
    -- The project it belongs to.
    project_id uuid not null,
    -- An int_… id.
    id uuid not null,
    -- The run that waits for it.
    run_id uuid,
    -- The branch that waits.
    branch text,
    -- The step execution that waits.
    visit integer,
    -- The step that waits; what the answer is known by in the run.
    topic text,
    -- Where it stands.
    status interaction_status not null,
    -- What is asked for: approval, review or input.
    type text not null,
    -- The question.
    message text,
    -- What is shown beside the question.
    context jsonb,
    -- How the question is put.
    spec jsonb,
    -- What is asked: member, agent or group.
    target_type text not null,
    -- Who is asked.
    target_id text not null,
    -- Whether every member of a group has to answer.
    require_all boolean not null default false,
    -- What kind of actor answered.
    responder_type text,
    -- Who answered.
    responder_id text,
    -- The answer: value, comment and time.
    response jsonb,
    -- When it expires unless it is answered.
    expires_at timestamptz,
    -- When it was answered.
    completed_at timestamptz,
    -- When it was opened.
    created_at timestamptz not null,
    -- When it last changed.
    updated_at timestamptz not null,
    primary key (project_id, id)
);

-- A step execution asks once at a time.
create unique index interactions_open on interactions (project_id, run_id, visit)
    where status = 'pending' and run_id is not null;
create index interactions_run on interactions (project_id, run_id, id) where run_id is not null;
create index interactions_status on interactions (project_id, status, id);
alter table interactions alter column project_id set statistics 0;
