//! How fast a queue that was filled before is worked off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    client::Client,
    cycle::{unique, work},
    target::{Claimed, PROJECT, Target, start_body},
};

/// How many jobs a batched call moves.
const BATCH: usize = 50;

/// Jobs a second with one job a call.
pub(crate) async fn measure(target: &Target, workers: usize, jobs: usize) -> anyhow::Result<f64> {
    let name = unique("drain");
    fill(target, &name, jobs).await?;
    let done = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for index in 0..workers {
        let mut client = target.connect().await?;
        let (name, done) = (name.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            let more = || done.fetch_add(1, Ordering::Relaxed) + 1 < jobs;
            work(&mut client, &format!("w{index}"), &name, 0, more).await
        });
    }
    finish(&mut tasks, &done, jobs).await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

/// Jobs a second with many jobs a call.
pub(crate) async fn measure_batched(
    target: &Target,
    workers: usize,
    jobs: usize,
) -> anyhow::Result<f64> {
    let name = unique("batch");
    fill(target, &name, jobs).await?;
    let done = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for index in 0..workers {
        let mut client = target.connect().await?;
        let (name, done) = (name.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            while done.load(Ordering::Relaxed) < jobs {
                let moved = move_batch(&mut client, &format!("w{index}"), &name).await?;
                done.fetch_add(moved, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    finish(&mut tasks, &done, jobs).await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

/// Claims a batch and completes it.
async fn move_batch(client: &mut Client, worker: &str, action: &str) -> anyhow::Result<usize> {
    #[derive(serde::Deserialize)]
    struct Batch {
        items: Vec<Claimed>,
    }
    let claim = json!({ "worker_id": worker, "actions": [action], "max_jobs": BATCH });
    let path = format!("{PROJECT}/jobs/claims");
    let jobs = client
        .ask::<Batch>(&path, claim.to_string().into_bytes())
        .await?;
    let jobs = jobs.map_or_else(Vec::new, |batch| batch.items);
    if jobs.is_empty() {
        return Ok(0);
    }
    let reports: Vec<_> = jobs
        .iter()
        .map(|job| {
            json!({
                "job_id": job.job_id,
                "worker_id": worker,
                "attempt": job.attempt,
                "status": "completed",
            })
        })
        .collect();
    let body = json!({ "items": reports }).to_string().into_bytes();
    client
        .post(&format!("{PROJECT}/jobs/completions"), body)
        .await?;
    Ok(jobs.len())
}

/// Starts runs that nobody works on yet.
async fn fill(target: &Target, name: &str, jobs: usize) -> anyhow::Result<()> {
    let workflow: Arc<str> = target.workflow(name).await?.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..128 {
        let mut client = target.connect().await?;
        let (workflow, next) = (Arc::clone(&workflow), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= jobs {
                    return anyhow::Ok(());
                }
                client
                    .post(&format!("{PROJECT}/runs"), start_body(&workflow, n))
                    .await?;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

async fn finish(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    done: &AtomicUsize,
    jobs: usize,
) -> anyhow::Result<()> {
    while done.load(Ordering::Relaxed) < jobs {
        match tokio::time::timeout(Duration::from_millis(5), tasks.join_next()).await {
            Ok(Some(task)) => task??,
            Ok(None) => break,
            Err(_) => {}
        }
    }
    tasks.abort_all();
    Ok(())
}
