//! What a large fan-out costs: the same for each item however many there are, and others hardly
//! notice it.

use std::time::{Duration, Instant};

use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{fan_outs::each, rows};

/// What was written so far.
struct Written {
    /// To the log of the whole server, tests beside this one included.
    log: i64,
    /// To the tables and indexes of this database.
    tables: i64,
    /// Rows that were inserted, and changes of jobs by their claims and ends.
    rows: i64,
    /// Rows that were updated, as far as the statistics know by now.
    updates: i64,
}

async fn written(tenant: &Tenant) -> Written {
    let log = "select (pg_current_wal_lsn() - '0/0')::bigint from projects where id = $1";
    let tables = "select sum(pg_total_relation_size(oid))::bigint from pg_class, projects
                  where relkind = 'r' and projects.id = $1";
    let rows = "select (select count(*) from jobs where project_id = $1)
                     + (select coalesce(sum(attempt), 0) from jobs where project_id = $1)::bigint
                     + (select count(*) from run_events where project_id = $1)";
    let updates = "select (select sum(n_tup_upd) from pg_stat_user_tables
                           where relname in ('jobs', 'runs', 'fan_outs'))::bigint
                   from projects, (select pg_stat_force_next_flush()) as flushed where id = $1";
    Written {
        log: rows::value(tenant, log).await,
        tables: rows::value(tenant, tables).await,
        rows: rows::value(tenant, rows).await,
        updates: rows::value(tenant, updates).await,
    }
}

/// What an item costs.
#[derive(Debug)]
struct Cost {
    log: i64,
    tables: i64,
    rows_of_1000: i64,
    updates_of_1000: i64,
}

/// Runs a fan-out from its start to its end.
async fn work(tenant: &Tenant, items: i64) -> Cost {
    let before = written(tenant).await;
    let numbers: Vec<i64> = (0..items).collect();
    let run = tenant.start(each(json!(numbers), json!({}))).await;
    let mut done = 0;
    while done < items {
        tenant.catch_up().await;
        let held = tenant.claim("w", 500).await;
        let settled = held
            .iter()
            .map(|held| tenant.settle(held.completed(&json!(1))));
        futures_util::future::try_join_all(settled).await.unwrap();
        done += i64::try_from(held.len()).unwrap();
    }
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
    let after = written(tenant).await;
    Cost {
        log: (after.log - before.log) / items,
        tables: (after.tables - before.tables) / items,
        rows_of_1000: (after.rows - before.rows) * 1_000 / items,
        updates_of_1000: (after.updates - before.updates) * 1_000 / items,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_item_costs_the_same_however_many_there_are() {
    let world = World::create().await;
    let tenant = world.tenant();
    // The first pages of tables and indexes are written anyway.
    work(tenant, 100).await;
    let few = work(tenant, 1_000).await;
    let many = work(tenant, 10_000).await;
    println!("an item of 1,000: {} bytes of log, {few:?}", few.log);
    println!("an item of 10,000: {} bytes of log, {many:?}", many.log);
    assert!(many.tables < few.tables * 3 / 2, "{many:?} against {few:?}");
    // A claim and an end of each, and what the batches write; and it is all of it.
    assert!(many.rows_of_1000 < 2_500, "{many:?}");
    assert!(many.updates_of_1000 < 2_500, "{many:?}");
    assert!(many.tables < 4_096, "{many:?}");
    assert!(
        many.rows_of_1000 < few.rows_of_1000 * 6 / 5,
        "{many:?} against {few:?}"
    );
}

/// How long a single job of one step takes from start to end.
async fn single(tenant: &Tenant) -> Duration {
    let begun = Instant::now();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("other").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_fan_out_leaves_the_jobs_of_others_their_speed() {
    let world = World::create().await;
    let tenant = world.tenant().clone();
    let other = tenant.another_project("other").await;
    let mut alone = Vec::new();
    for _ in 0..50 {
        alone.push(single(&other).await);
    }
    let large = tokio::spawn(async move { work(&tenant, 10_000).await });
    let mut beside = Vec::new();
    while !large.is_finished() {
        beside.push(single(&other).await);
    }
    large.await.unwrap();
    alone.sort();
    beside.sort();
    let (middle, late) = (beside[beside.len() / 2], beside[beside.len() * 95 / 100]);
    let alone = alone[alone.len() / 2];
    println!(
        "a single job: {alone:?} alone; beside 10,000 items {middle:?}, 95 of 100 within {late:?}",
    );
    assert!(late < alone * 20, "{late:?} against {alone:?} alone");
}
