-- Workflow specs, stored once each, and the saved workflows that name them.

create table specs (
    -- The project that uses it.
    project_id uuid not null,
    -- SHA-256 of the spec as it was serialised.
    hash bytea not null,
    -- The spec; never changed.
    body jsonb not null,
    primary key (project_id, hash)
);

create table workflows (
    -- The project it belongs to.
    project_id uuid not null references projects (id),
    -- A wf_… id.
    id uuid not null,
    -- A slug, unique in the project.
    handle text not null,
    -- A name for people, unique in the project.
    name text not null,
    -- What it is for.
    description text,
    -- Whether agents may call it as a tool.
    published_as_tool boolean not null,
    -- The number of the newest version.
    latest_version integer not null,
    -- Who created it.
    created_by uuid not null references users (id),
    -- When it was created.
    created_at timestamptz not null,
    -- When it was last changed.
    updated_at timestamptz not null,
    primary key (project_id, id),
    constraint workflows_handle unique (project_id, handle),
    constraint workflows_name unique (project_id, name)
);

create table workflow_versions (
    -- The project it belongs to.
    project_id uuid not null,
    -- A wfv_… id.
    id uuid not null,
    -- The workflow.
    workflow_id uuid not null,
    -- Its number, from 1.
    version integer not null,
    -- The spec.
    spec_hash bytea not null,
    -- Who made it.
    created_by uuid not null references users (id),
    -- When it was made.
    created_at timestamptz not null,
    primary key (project_id, id),
    constraint workflow_versions_number unique (project_id, workflow_id, version),
    foreign key (project_id, workflow_id) references workflows (project_id, id) on delete cascade,
    foreign key (project_id, spec_hash) references specs (project_id, hash)
);
