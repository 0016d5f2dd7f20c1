-- Workers: who was seen claiming.

create table workers (
    -- The project in which it claims.
    project_id uuid not null,
    -- The id that it gave itself.
    worker_id text not null,
    -- The name that it gave.
    name text,
    -- The version that it gave.
    version text,
    -- When it last claimed, or last stood parked in a claim.
    last_seen_at timestamptz not null,
    primary key (project_id, worker_id)
) with (fillfactor = 70);
