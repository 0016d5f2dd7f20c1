-- The least that keeps a run, its job and their history. Made once in a database.
create table if not exists runs (
    id uuid primary key,
    status smallint not null,
    inputs jsonb not null,
    state jsonb not null,
    created_at timestamptz not null default statement_timestamp(),
    updated_at timestamptz not null default statement_timestamp(),
    completed_at timestamptz
) with (fillfactor = 80);

create table if not exists jobs (
    id uuid primary key,
    run_id uuid not null,
    queue text not null,
    priority smallint not null default 0,
    scheduled_at timestamptz not null default statement_timestamp(),
    status smallint not null,
    attempt integer not null default 0,
    parameters jsonb not null,
    worker text,
    lease_expires_at timestamptz,
    completed_at timestamptz
) with (fillfactor = 80);
create index if not exists jobs_pending on jobs (queue, priority desc, scheduled_at, id)
    where status = 0;

create table if not exists events (
    seq bigint primary key generated always as identity,
    run_id uuid not null,
    created_at timestamptz not null default statement_timestamp(),
    frames jsonb not null
);
