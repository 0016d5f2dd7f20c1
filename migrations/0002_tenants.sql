-- Organisations, the people in them, and their projects.

create table orgs (
    -- An org_… id.
    id uuid primary key,
    -- A name for people.
    name text not null,
    -- A slug, unique on this server.
    handle text not null unique,
    -- When it was created.
    created_at timestamptz not null
);

create table users (
    -- A user_… id.
    id uuid primary key,
    -- The organisation that the person belongs to.
    org_id uuid not null references orgs (id),
    -- A name for people.
    name text not null,
    -- When the person was added.
    created_at timestamptz not null
);

create table projects (
    -- A prj_… id.
    id uuid primary key,
    -- The organisation that owns it.
    org_id uuid not null references orgs (id),
    -- The slug that stands in paths.
    handle text not null,
    -- A name for people.
    name text not null,
    -- What it is for.
    description text,
    -- Who created it.
    created_by uuid not null references users (id),
    -- When it was created.
    created_at timestamptz not null,
    -- When it was last changed.
    updated_at timestamptz not null,
    -- Set when it was deleted: nobody sees it any more, and its rows are being purged.
    deleted_at timestamptz
);

-- A deleted project's handle is free again at once.
create unique index projects_handle on projects (org_id, handle) where deleted_at is null;
create index projects_deleted on projects (deleted_at) where deleted_at is not null;

create table project_counters (
    -- The project whose events are counted.
    project_id uuid primary key,
    -- The sequence number of the project's newest event. Bumped once in a transaction, as its
    -- last lock before the commit, so that a smaller number can never appear later.
    event_seq bigint not null default 0
) with (fillfactor = 50);
