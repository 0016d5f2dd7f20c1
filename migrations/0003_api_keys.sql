-- API keys, kept as hashes.

create table api_keys (
    -- A key_… id.
    id uuid primary key,
    -- The organisation that it opens.
    org_id uuid not null references orgs (id),
    -- The one project that it opens; none means every project of the organisation.
    project_id uuid references projects (id) on delete cascade,
    -- Whose key it is: calls made with it count as theirs.
    user_id uuid not null references users (id),
    -- A name for people.
    name text not null,
    -- SHA-256 of the key; 190 random bits need no slow hash.
    hash bytea not null unique,
    -- The first characters of the key, to tell keys apart.
    prefix text not null,
    -- What the key may do; nothing when empty.
    permissions text[] not null,
    -- After this time the key is unknown.
    expires_at timestamptz,
    -- Set when it was revoked.
    revoked_at timestamptz,
    -- When it was created.
    created_at timestamptz not null
);
