//! Events under load: one dense sequence a project, which a reader can follow without a gap.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mobius_test_support::factories::{RunDraft, Tenant, World, fork};
use serde_json::{Value, json};

use crate::{history, rows};

const TASKS: usize = 16;
const RUNS_PER_TASK: usize = 12;

/// Starts runs, and works on whatever it can claim, its own or not, until nothing is left.
async fn work(tenant: Tenant, task: usize) {
    let worker = format!("worker-{task}");
    for round in 0..RUNS_PER_TASK {
        tenant.start(RunDraft::of(fork())).await;
        for held in tenant.claim(&worker, 3).await {
            let report = if (round + task).is_multiple_of(5) {
                held.failed("broken")
            } else {
                held.completed(&json!(round))
            };
            tenant.settle(report).await.unwrap();
        }
    }
}

/// Works off what the tasks have left.
async fn finish(tenant: &Tenant) {
    loop {
        let held = tenant.claim("last", 100).await;
        if held.is_empty() {
            return;
        }
        for held in held {
            tenant.settle(held.completed(&json!("last"))).await.unwrap();
        }
    }
}

/// What a stream reads: everything after what it has seen.
async fn read_after(tenant: &Tenant, since: i64) -> Vec<(i64, i64, Value)> {
    sqlx::query_as(
        "select first_seq, last_seq, frames::jsonb from run_events
         where project_id = $1 and last_seq > $2 order by last_seq",
    )
    .bind(tenant.project.as_uuid())
    .bind(since)
    .fetch_all(&mut *tenant.connection().await)
    .await
    .unwrap()
}

/// Follows the project until told to stop and then once more; returns the last number it saw.
async fn follow(tenant: Tenant, stop: Arc<AtomicBool>) -> i64 {
    let mut since = 0;
    loop {
        let is_last = stop.load(Ordering::SeqCst);
        for (first, last, frames) in read_after(&tenant, since).await {
            assert_eq!(first, since + 1, "the reader missed something");
            let length = frames.as_array().unwrap().len();
            assert_eq!(usize::try_from(last - since).unwrap(), length);
            since = last;
        }
        if is_last {
            return since;
        }
        tokio::task::yield_now().await;
    }
}

/// All tasks work in the given projects while a reader follows the first one.
async fn storm(world: &World, projects: &[Tenant]) {
    let replica = world.replica();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow(projects[0].clone(), Arc::clone(&stop)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let project = &projects[task % projects.len()];
            let tenant = match task % 2 {
                0 => project.clone(),
                _ => project.on(replica.store.clone()),
            };
            tokio::spawn(work(tenant, task))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for project in projects {
        finish(project).await;
    }
    stop.store(true, Ordering::SeqCst);
    let seen = reader.await.unwrap();
    let newest: i64 = rows::value(
        &projects[0],
        "select event_seq from project_counters where project_id = $1",
    )
    .await;
    assert_eq!(seen, newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_one_stormy_project_misses_nothing() {
    let world = World::create().await;
    let projects = [world.tenant().clone()];
    storm(&world, &projects).await;
    history::assert_dense(&projects[0]).await;
    history::assert_every_run_ended_once(&projects[0]).await;
    let runs: i64 = rows::value(
        &projects[0],
        "select count(*) from runs where project_id = $1",
    )
    .await;
    assert_eq!(usize::try_from(runs).unwrap(), TASKS * RUNS_PER_TASK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_stormy_projects_have_a_sequence_each() {
    let world = World::create().await;
    let mut projects = vec![world.tenant().clone()];
    for handle in ["second", "third", "fourth"] {
        projects.push(world.tenant().another_project(handle).await);
    }
    storm(&world, &projects).await;
    for project in &projects {
        history::assert_dense(project).await;
        history::assert_every_run_ended_once(project).await;
        assert!(history::count_frames(project, "job_updated").await > 0);
    }
}

#[tokio::test]
async fn the_history_of_a_run_tells_its_steps_in_order() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    let mut told = Vec::new();
    for (_, _, frames) in read_after(tenant, 0).await {
        for frame in frames.as_array().unwrap() {
            let kind = frame["type"].as_str().unwrap();
            let status = frame["data"]["status"].as_str().unwrap();
            told.push(format!("{kind} {status}"));
        }
    }
    assert_eq!(
        told,
        [
            "run_updated queued",
            "job_updated pending",
            "run_updated running",
            "job_updated claimed",
            "job_updated completed",
            "action_appended completed",
            "run_updated completed",
        ]
    );
}
