//! The plans of the statements that claim jobs with limits: what is full costs them nothing.

use mobius_test_support::factories::{Tenant, World};

use super::{
    add_waiting, claimants,
    explain::{Statement, assert_short},
    freeze_statistics,
};
use crate::rows;

const LIMITED_CLAIM: &str = include_str!("../../../src/limits/claim.sql");
const LIMITED_CLOSE: &str = include_str!("../../../src/limits/close.sql");
const LIMITED_LOCK: &str = include_str!("../../../src/limits/lock_open.sql");

/// Waiting jobs of so many keys, each of which is full, and one of a key with room. The keys with
/// their lanes are rows like those that claims leave behind.
async fn add_full_keys(tenant: &Tenant, keys: i64) {
    add_waiting(tenant, keys).await;
    let statements = [
        "insert into job_limits (project_id, id, kind, key, max_concurrency, updated_at)
         select project_id, id, 'key', id::text, 1, created_at from jobs where project_id = $1",
        "insert into limit_lanes (project_id, limit_id, queue, action, open_at, is_full)
         select project_id, id, queue, action, 'infinity', true from jobs where project_id = $1",
        "update jobs set limit_id = id where project_id = $1",
        "insert into jobs
             (project_id, id, run_id, branch, visit, step_name, action, queue, parameters, status,
              attempt, max_attempts, scheduled_at, created_at, updated_at, limit_id, claimed_at)
         select project_id, gen_random_uuid(), run_id, branch, 2, step_name, action, queue, '{}',
                'claimed', 1, 1, scheduled_at, created_at, updated_at, limit_id, created_at
         from jobs where project_id = $1",
        "update limit_lanes set open_at = '2020-01-01', is_full = false
         where project_id = $1 and limit_id = (
             select max(limit_id::text)::uuid from limit_lanes where project_id = $1)",
        "update job_limits set max_concurrency = 2
         where project_id = $1 and id = (
             select max(limit_id::text)::uuid from limit_lanes where project_id = $1)",
    ];
    for statement in statements {
        assert!(rows::change(tenant, statement).await > 0);
    }
    // The jobs were made without a limit, and left their places in the index of those.
    sqlx::query("vacuum jobs")
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn ten_thousand_full_keys_cost_a_claim_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_full_keys(tenant, 10_000).await;
    let freeze = "alter table job_limits set (autovacuum_enabled = off);
                  alter table limit_lanes set (autovacuum_enabled = off);
                  analyze job_limits, limit_lanes";
    sqlx::raw_sql(freeze)
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
    freeze_statistics(tenant).await;
    let open: sqlx::types::Uuid = rows::value(
        tenant,
        "select limit_id from limit_lanes where project_id = $1 and not is_full",
    )
    .await;
    let project = tenant.project.as_uuid();
    let statements = [
        Statement {
            text: LIMITED_LOCK,
            types: "uuid, text[], text[], bigint",
            arguments: format!("'{project}', '{{}}', '{{}}', 64"),
        },
        Statement {
            text: LIMITED_CLAIM,
            types: "uuid, text[], text[], text[], uuid[], float8, uuid[]",
            arguments: format!("{}, array['{open}'::uuid]", claimants(tenant)),
        },
        Statement {
            text: LIMITED_CLOSE,
            types: "uuid, uuid[], uuid[]",
            arguments: format!("'{project}', array['{open}'::uuid], '{{}}'"),
        },
    ];
    for statement in &statements {
        assert_short(tenant, statement).await;
    }
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
}
