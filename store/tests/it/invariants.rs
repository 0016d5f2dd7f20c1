//! What must hold of all runs of a project, whatever has happened to them: none is stuck, and none
//! was moved on twice.

use mobius_test_support::factories::Tenant;
use sqlx::AssertSqlSafe;

/// Each counts what must not be there, of the project `$1`.
const BROKEN: [(&str, &str); 9] = [
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
