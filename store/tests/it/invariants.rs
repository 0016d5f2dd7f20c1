//! What must hold of all runs of a project, whatever has happened to them: none is stuck, and none
//! was moved on twice.

use mobius_test_support::factories::Tenant;
use sqlx::AssertSqlSafe;

/// Each counts what must not be there, of the project `$1`.
const BROKEN: [(&str, &str); 14] = [
    (
        "jobs that wait although their run has ended",
        "select count(*) from jobs j join runs r on r.project_id = $1 and r.id = j.run_id
         where j.project_id = $1 and j.status in ('pending', 'waiting')
           and (r.status in ('completed', 'failed') or r.cancel_requested)",
    ),
    (
        "timers and questions of runs that have ended",
        "select (select count(*) from timers t join runs r on r.project_id = $1 and r.id = t.run_id
                 where t.project_id = $1 and r.status in ('completed', 'failed'))
              + (select count(*) from interactions i
                 join runs r on r.project_id = $1 and r.id = i.run_id
                 where i.project_id = $1 and i.status = 'pending'
                   and r.status in ('completed', 'failed'))",
    ),
    (
        "timers that nothing waits for",
        "select count(*) from timers t join runs r on r.project_id = $1 and r.id = t.run_id
         where t.project_id = $1
           and (r.state->'branches'->t.branch->>'visit')::int is distinct from t.visit",
    ),
    (
        "branches that wait for a time without a timer",
        "select count(*) from runs r cross join jsonb_each(r.state->'branches') as branch
         where r.project_id = $1 and r.status not in ('completed', 'failed')
           and not r.cancel_requested
           and jsonb_typeof(branch.value->'waits') = 'object'
           and branch.value->'waits' ?| array['signal', 'time', 'answer']
           and not exists (
               select from timers t
               where t.project_id = $1 and t.run_id = r.id
                 and t.visit = (branch.value->>'visit')::int)",
    ),
    (
        "stored signals that a branch waits for",
        "select count(*) from runs r cross join jsonb_each(r.state->'branches') as branch
         join signals s on s.project_id = $1 and s.run_id = r.id and s.consumed_at is null
         where r.project_id = $1 and r.status not in ('completed', 'failed')
           and not r.cancel_requested
           and s.name = branch.value->'waits'->'signal'->>'name'",
    ),
    (
        "runs that count their stored signals wrongly",
        "select count(*) from runs r
         where r.project_id = $1 and r.status <> 'completed'
           and coalesce((r.state->'stored'->>'count')::int, 0) <> (
               select count(*) from signals s
               where s.project_id = $1 and s.run_id = r.id and s.consumed_at is null)",
    ),
    (
        "runs that go on without a job, a timer or a pause",
        "select count(*) from runs r
         where r.project_id = $1 and r.status not in ('completed', 'failed')
           and not exists (select from jobs j where j.project_id = $1 and j.run_id = r.id
                             and j.status in ('pending', 'claimed', 'waiting'))
           and not exists (select from timers t where t.project_id = $1 and t.run_id = r.id)
           and not exists (select from jsonb_each(r.state->'branches') as branch
                           where branch.value->>'waits' = 'resume')",
    ),
    (
        "runs whose status is not that of their branches",
        "select count(*) from runs r
         where r.project_id = $1 and r.status not in ('completed', 'failed')
           and not r.cancel_requested
           and (r.status = 'suspended') <> (
               select bool_and(coalesce(branch.value->'waits', '\"job\"')
                               not in ('\"job\"', '\"retry\"')
                               and not coalesce(branch.value->'waits' ? 'fan_out', false))
               from jsonb_each(r.state->'branches') as branch)",
    ),
    (
        "step executions with two jobs",
        "select count(*) from (
             select from jobs where project_id = $1 and parent_job_id is null
             group by run_id, visit having count(*) > 1) as twice",
    ),
    (
        "fan-outs that go on and whose counters are not those of their items",
        "select count(*) from fan_outs f
         cross join lateral (
             select count(*) as created,
                    count(*) filter (where i.status <> 'waiting') as released,
                    count(*) filter (where i.status = 'completed') as completed,
                    count(*) filter (where i.status = 'failed') as failed
             from jobs i where i.project_id = $1 and i.parent_job_id = f.job_id) as counted
         join runs r on r.project_id = $1 and r.id = f.run_id
         where f.project_id = $1 and f.ended_at is null and not r.cancel_requested
           and (f.created, f.released, f.completed, f.failed)
               <> (counted.created, counted.released, counted.completed, counted.failed)",
    ),
    (
        "fan-outs whose job does not wait for them, or waits although they have ended",
        "select count(*) from fan_outs f
         join jobs j on j.project_id = $1 and j.id = f.job_id
         where f.project_id = $1 and (f.ended_at is null) <> (j.status = 'waiting')",
    ),
    (
        "fan-outs that go on with more failures than they may have, or with none left to end",
        "select count(*) from fan_outs f
         where f.project_id = $1 and f.ended_at is null
           and (f.failed > f.max_failures or f.completed + f.failed >= f.items)",
    ),
    (
        "fan-outs with more items at work than they may have, or with fewer while others wait",
        "select count(*) from fan_outs f
         cross join lateral (
             select count(*) filter (where i.status in ('pending', 'claimed')) as busy,
                    count(*) filter (where i.status = 'waiting') as waiting
             from jobs i where i.project_id = $1 and i.parent_job_id = f.job_id) as counted
         join runs r on r.project_id = $1 and r.id = f.run_id
         where f.project_id = $1 and f.ended_at is null and not r.cancel_requested
           and (counted.busy > coalesce(f.max_concurrency, f.items)
                or counted.waiting > 0
                   and counted.busy < coalesce(f.max_concurrency, f.items))",
    ),
    (
        "jobs that wait for a run that is not their child, and children of no job",
        "select (select count(*) from jobs j
                 left join runs c on c.project_id = $1 and c.id = j.child_run_id
                 where j.project_id = $1 and j.child_run_id is not null
                   and (c.parent_run_id, c.parent_job_id) is distinct from (j.run_id, j.id))
              + (select count(*) from runs c
                 where c.project_id = $1 and c.parent_job_id is not null
                   and not exists (select from jobs j
                                   where j.project_id = $1 and j.id = c.parent_job_id))",
    ),
];

/// Panics with what is broken.
pub(crate) async fn assert_hold(tenant: &Tenant) {
    let mut connection = tenant.connection().await;
    for (what, sql) in BROKEN {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(tenant.project.as_uuid())
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(count, 0, "{what}");
    }
}
