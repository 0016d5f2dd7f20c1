-- Limits of how many jobs may be held at once and claimed in how much time.
create table job_limits (
    -- The project.
    project_id uuid not null,
    -- Made of the project, the kind and the key, so that whoever has those needs no look-up.
    id uuid not null,
    -- What the key is: one that clients chose ('key'), the id of a workflow ('workflow'), or the name
    -- of specs that were never saved ('spec').
    kind text not null,
    -- The key.
    key text not null,
    -- How many of its jobs may be held at once; none means any number.
    max_concurrency integer,
    -- How many of its jobs may be claimed in the time below; none means any number.
    rate_limit integer,
    -- That time in seconds.
    rate_per_seconds integer,
    -- How many claims may follow each other at once.
    rate_burst integer,
    -- The time between two claims on average, in microseconds.
    rate_interval_us bigint,
    -- When the next claim would come if all of them came evenly.
    rate_next_at timestamptz,
    -- When a start last changed it.
    updated_at timestamptz not null,
    primary key (project_id, id),
    constraint job_limits_key unique (project_id, kind, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
alter table job_limits alter column project_id set statistics 0;

-- The lanes in which jobs of a limit wait. What a claim can leave alone is told by an index, without a
-- look at any job. Written only by who holds the lock of the limit's row.
create table limit_lanes (
    -- The project.
    project_id uuid not null,
    -- The limit.
    limit_id uuid not null,
    -- The queue.
    queue text not null,
    -- The action.
    action text not null,
    -- When a claim is to look at it; never ('infinity') while the limit is full.
    open_at timestamptz not null,
    -- Whether it is closed because the limit lets nothing through, whatever is added to the lane.
    is_full boolean not null default false,
    primary key (project_id, limit_id, queue, action)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index limit_lanes_open on limit_lanes (project_id, queue, action, open_at)
    where open_at < 'infinity';
alter table limit_lanes alter column project_id set statistics 0;

alter table jobs
    -- The limit that its claims count for.
    add column limit_id uuid;
alter table runs
    -- The priority of its jobs.
    add column priority smallint not null default 0,
    -- The limit of its jobs.
    add column limit_id uuid;

-- The claim's index again, without jobs that have a limit: they cost those nothing that have none.
drop index jobs_pending;
create index jobs_pending on jobs (project_id, queue, action, priority desc, scheduled_at, id)
    where status = 'pending' and not server and limit_id is null;
-- The waiting jobs of a limit, lane by lane.
create index jobs_pending_limited
    on jobs (project_id, limit_id, queue, action, priority desc, scheduled_at, id)
    where status = 'pending' and not server and limit_id is not null;
-- The held jobs of a limit. They are counted, so no way in which a job ends can be forgotten.
create index jobs_held_limited on jobs (project_id, limit_id)
    where status = 'claimed' and limit_id is not null;
