//! Throughput of the whole way: start, claim, complete, one call each, one job a run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::task::JoinSet;

use crate::{
    client::Client,
    target::{Claimed, PROJECT, Target, start_body},
};

/// Runs a second, with as many starters as workers.
pub(crate) async fn measure(target: &Target, callers: usize, runs: usize) -> anyhow::Result<f64> {
    let name = unique("cycle");
    let workflow: Arc<str> = target.workflow(&name).await?.into();
    let (started, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    let clients = target.connect_many(callers * 2).await?;
    let begun = Instant::now();
    for (index, mut client) in clients.into_iter().enumerate() {
        if index % 2 == 0 {
            let (workflow, started) = (Arc::clone(&workflow), Arc::clone(&started));
            tasks.spawn(async move {
                loop {
                    let n = started.fetch_add(1, Ordering::Relaxed);
                    if n >= runs {
                        return Ok(());
                    }
                    client
                        .post(&format!("{PROJECT}/runs"), start_body(&workflow, n))
                        .await?;
                }
            });
        } else {
            let (action, done) = (name.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                work(&mut client, &format!("w{index}"), &action, 1, || {
                    done.fetch_add(1, Ordering::Relaxed) + 1 < runs
                })
                .await
            });
        }
    }
    while done.load(Ordering::Relaxed) < runs {
        match tokio::time::timeout(std::time::Duration::from_millis(5), tasks.join_next()).await {
            Ok(Some(task)) => task??,
            Ok(None) => break,
            Err(_) => {}
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    tasks.shutdown().await;
    Ok(runs as f64 / seconds)
}

/// Claims and completes one by one for as long as `more` says after each.
pub(crate) async fn work(
    client: &mut Client,
    worker: &str,
    action: &str,
    wait: u32,
    more: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let claim =
        format!(r#"{{"worker_id":"{worker}","actions":["{action}"],"wait_seconds":{wait}}}"#);
    loop {
        let path = format!("{PROJECT}/jobs/claim");
        let Some(job) = client
            .ask::<Claimed>(&path, claim.clone().into_bytes())
            .await?
        else {
            continue;
        };
        let report = format!(
            r#"{{"worker_id":"{worker}","attempt":{},"status":"completed"}}"#,
            job.attempt
        );
        let path = format!("{PROJECT}/jobs/{}/complete", job.job_id);
        client.post(&path, report.into_bytes()).await?;
        if !more() {
            return Ok(());
        }
    }
}

/// A name that no other round uses.
pub(crate) fn unique(scenario: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{scenario}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
