-- Jobs: one step execution each, through all its attempts.

create type job_status as enum ('pending', 'claimed', 'completed', 'failed');

create table job_lanes (
    -- The project.
    project_id uuid not null,
    -- A queue in which jobs of the action were ever put.
    queue text not null,
    -- The action.
    action text not null,
    primary key (project_id, queue, action)
);

create table jobs (
    -- The project it belongs to.
    project_id uuid not null,
    -- A job_… id.
    id uuid not null,
    -- The run it belongs to.
    run_id uuid not null,
    -- The branch of the run.
    branch text not null,
    -- Which step execution of the run it is; with branch, the engine's name for it.
    visit integer not null,
    -- The step it executes.
    step_name text not null,
    -- The action that a worker runs.
    action text not null,
    -- The queue it stands in.
    queue text not null,
    -- Higher ones are claimed first.
    priority smallint not null default 0,
    -- What the action is given.
    parameters jsonb not null,
    -- Where it stands.
    status job_status not null,
    -- How often it was claimed; with the worker, the fence of a lease. Never goes back while
    -- anybody knows the fence.
    attempt integer not null default 0,
    -- How often it may be claimed.
    max_attempts integer not null,
    -- How often its lease expired.
    rescues integer not null default 0,
    -- The retry policy that the first error picked.
    retry_policy smallint,
    -- How many retries that policy has spent.
    retries integer not null default 0,
    -- How long one attempt may take.
    attempt_timeout_ms bigint,
    -- Before this time no worker gets it.
    scheduled_at timestamptz not null,
    -- The worker that holds it, or held it when it ended.
    claimed_by text,
    -- The actor of the credential that claimed it; part of the fence. Cleared when the control
    -- plane ends the job, so that a late report of the worker no longer fits.
    claimed_actor uuid,
    -- When it was last claimed.
    claimed_at timestamptz,
    -- When its worker last gave a sign of life.
    heartbeat_at timestamptz,
    -- When the lease ends unless a heartbeat comes.
    lease_expires_at timestamptz,
    -- When this attempt has taken too long.
    attempt_deadline_at timestamptz,
    -- Whether its worker is to be told to stop.
    cancel_requested boolean not null default false,
    -- What the action gave back.
    result bytea,
    -- The class of the latest error.
    error_type text,
    -- What went wrong in the latest failed attempt.
    last_error text,
    -- When it was made.
    created_at timestamptz not null,
    -- When it last changed.
    updated_at timestamptz not null,
    -- When it ended.
    completed_at timestamptz,
    primary key (project_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The claim's index. It holds waiting jobs alone, so finished ones can't slow a claim, and no
-- other index can give its order, so the planner has no worse choice.
create index jobs_pending on jobs (project_id, queue, action, priority desc, scheduled_at, id)
    where status = 'pending';
create index jobs_leased on jobs (lease_expires_at) where status = 'claimed';
create index jobs_attempt_deadline on jobs (attempt_deadline_at)
    where status = 'claimed' and attempt_deadline_at is not null;
create index jobs_run on jobs (project_id, run_id, id);

create table job_attempts (
    -- The project it belongs to.
    project_id uuid not null,
    -- The job.
    job_id uuid not null,
    -- The run of the job.
    run_id uuid not null,
    -- The number of the attempt.
    attempt integer not null,
    -- The worker that held it.
    worker_id text not null,
    -- The actor that reported its end; none when the control plane ended it.
    reported_by uuid,
    -- The class of the error that ended it.
    error_type text not null,
    -- What went wrong.
    error_message text not null,
    -- When it was claimed.
    claimed_at timestamptz not null,
    -- When it ended; the partition key.
    ended_at timestamptz not null,
    primary key (project_id, job_id, attempt, ended_at)
) partition by range (ended_at);

comment on table job_attempts is
    'Attempts that were followed by another one. The last attempt of a job stands on its row.';

create table job_attempts_default partition of job_attempts default;
