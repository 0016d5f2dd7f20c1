-- What operators ask of runs, and runs that are children of others.

alter table runs
    -- Whether somebody asked for it to be cancelled, and it was not retried since.
    add column cancel_requested boolean not null default false,
    -- Who asked, as people are told.
    add column cancelled_by text,
    -- The job of the parent run that waits for it.
    add column parent_job_id uuid,
    -- How many ancestors it has.
    add column depth smallint not null default 0;
