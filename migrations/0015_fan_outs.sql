-- Fan-outs: the counters of steps that run once for each item, apart from the state of the run,
-- so that the end of an item neither loads nor writes that state.

create table fan_outs (
    -- The project of the run.
    project_id uuid not null,
    -- The job whose items they are.
    job_id uuid not null,
    -- The run.
    run_id uuid not null,
    -- The branch that waits for the items.
    branch text not null,
    -- The step execution that waits.
    visit integer not null,
    -- The step.
    step_name text not null,
    -- The action of the items.
    action text not null,
    -- The queue that the items go to.
    queue text not null,
    -- Whether only the control plane may claim the items.
    server boolean not null,
    -- How many items there are.
    items integer not null,
    -- How many of them have a job: those before this one.
    created integer not null default 0,
    -- How many of those were ever claimable.
    released integer not null default 0,
    -- How many have succeeded.
    completed integer not null default 0,
    -- How many have failed for good.
    failed integer not null default 0,
    -- How many may be claimable or claimed at a time; none means all.
    max_concurrency integer,
    -- How many may fail before the step does.
    max_failures integer not null,
    -- Whether the results are gathered.
    stores_results boolean not null,
    -- How long an attempt of an item may take.
    attempt_timeout_ms bigint,
    -- How often an item may be claimed.
    max_attempts integer not null,
    -- When the next jobs are to be made; none when nothing is left to make.
    next_chunk_at timestamptz,
    -- When it was made.
    created_at timestamptz not null,
    -- When all items had ended, too many had failed, or the step was left.
    ended_at timestamptz,
    primary key (project_id, job_id),
    constraint fan_outs_visit unique (project_id, run_id, visit)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

create index fan_outs_due on fan_outs (next_chunk_at) where next_chunk_at is not null;
alter table fan_outs alter column project_id set statistics 0;
