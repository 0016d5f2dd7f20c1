-- The history of runs: what every stream reads.

create table run_events (
    -- The project whose sequence it is part of.
    project_id uuid not null,
    -- The sequence number of the row's last frame.
    last_seq bigint not null,
    -- The sequence number of its first frame; numbers are dense, within a row and across rows.
    first_seq bigint not null,
    -- The run that changed.
    run_id uuid not null,
    -- When it changed; the partition key.
    created_at timestamptz not null,
    -- Everything that one transaction changed of one run: [{"type": …, "data": …}, …].
    frames jsonb not null,
    primary key (project_id, last_seq, created_at)
) partition by range (created_at);

create table run_events_default partition of run_events default;
