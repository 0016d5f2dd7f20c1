-- Locks runs. $1 project, $2 ids of jobs whose runs are meant, $3 ids of runs, $4 how many bytes
-- several of them may have together: if they have more, none is read. One row at least, for the
-- time. Of a run of which only items of a fan-out are meant, the state is not read, unless it waits
-- for its workers and so has to count them.
with wanted as materialized (
    select id, bool_or(plain) as plain
    from (
        select j.run_id as id, j.plain
        from unnest($2::uuid[]) as named (job_id)
        cross join lateral (
            select j.run_id, j.parent_job_id is null as plain
            from jobs j
            where j.project_id = $1 and j.id = named.job_id
            offset 0) as j
        union all
        select unnest($3::uuid[]), true) as ids
    group by id
    order by id),
-- In the order of their ids, each by a look-up of its own: whatever the statistics say, no other
-- rows are walked.
sized as materialized (
    select held.*, plain or (held.cancel_requested and held.is_live) as whole
    from wanted
    cross join lateral (
        select r.id, r.queue, r.workflow_handle, r.status, r.attempt, r.inputs, r.state, r.metadata,
               r.external_id, r.spec_hash, r.error_message, r.cancel_requested, r.cancelled_by,
               r.parent_job_id, r.priority, r.limit_id,
               r.status not in ('completed', 'failed') as is_live
        from runs r
        where r.project_id = $1 and r.id = wanted.id
        for update) as held),
-- What is stored aside is compressed, and is measured as it will be read.
weighed as materialized (
    select count(*) > 1 and sum(bytes) > $4::bigint as too_large,
           -- The time is read after the locks were waited for.
           mobius_now() as now
    from sized l
    cross join lateral (
        select sum(case when pg_column_size(document) < 2000 then pg_column_size(document)
                        else octet_length(document::text) end) as bytes
        from (values (l.state), (l.inputs)) as documents (document)) as measured
    where l.whole)
select now as "now!", r.id as "id?", r.queue as "queue?",
       r.workflow_handle as "workflow_handle?",
       r.status as "status?: WorkflowRunStatus", r.attempt as "attempt?",
       case when r.whole and not too_large then r.inputs end as "inputs?: Json<JsonObject>",
       case when r.whole and not too_large then r.state end as "state?: StoredState",
       case when r.whole and not too_large then r.metadata end
           as "metadata?: Json<BTreeMap<String, String>>",
       r.external_id as "external_id?", r.spec_hash as "spec_hash?",
       r.error_message as "error_message?", r.cancel_requested as "cancel_requested?",
       r.cancelled_by as "cancelled_by?", r.parent_job_id as "parent_job_id?",
       r.priority as "priority?", r.limit_id as "limit_id?",
       array(select p.name from paused_lanes p
             where p.project_id = $1 and p.kind = 'queue') as "paused_queues!",
       array(select p.name from paused_lanes p
             where p.project_id = $1 and p.kind = 'action') as "paused_actions!",
       too_large as "too_large!"
from weighed left join sized r on true
