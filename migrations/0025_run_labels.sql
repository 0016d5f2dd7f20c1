-- What lists find runs by and what never changes while a run lives, apart from `runs`: a run's row is
-- written again with each of its steps, and every index on it with it.

create table run_labels (
    -- The project.
    project_id uuid not null,
    -- The run, which has the same values.
    run_id uuid not null,
    -- The workflow's name when the run started.
    workflow_name text not null,
    -- The queue that its jobs go to.
    queue text not null,
    -- A label of what started it.
    initiated_by text not null,
    -- The workflow it was started from; none for an inline spec.
    definition_id uuid,
    -- The caller's own id for it.
    external_id text,
    -- The run that started it as a child.
    parent_run_id uuid
);

insert into run_labels
select project_id, id, workflow_name, queue, initiated_by, definition_id, external_id, parent_run_id
from runs;

-- Lists are newest first; ids sort by time, so each filter needs only its own column before the id.
create unique index run_labels_workflow_name on run_labels (project_id, workflow_name, run_id);
create index run_labels_queue on run_labels (project_id, queue, run_id);
create index run_labels_initiated_by on run_labels (project_id, initiated_by, run_id);
create index run_labels_definition on run_labels (project_id, definition_id, run_id)
    where definition_id is not null;
create index run_labels_external_id on run_labels (project_id, external_id, run_id)
    where external_id is not null;
create index run_labels_parent on run_labels (project_id, parent_run_id, run_id)
    where parent_run_id is not null;

drop index runs_workflow_name;
drop index runs_queue;
drop index runs_initiated_by;
drop index runs_definition;
drop index runs_external_id;
drop index runs_parent;
