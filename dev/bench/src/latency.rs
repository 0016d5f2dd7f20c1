//! How long it takes from a start to the job in a worker's hands.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    client::Client,
    cycle::unique,
    target::{Claimed, PROJECT, Target, start_body},
};

/// How many workers stand parked.
const WORKERS: usize = 32;

/// Latencies in milliseconds.
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Starts runs at a fixed rate, whether or not the ones before were delivered.
pub(crate) async fn measure(
    target: &Target,
    per_second: u32,
    runs: usize,
) -> anyhow::Result<Spread> {
    let name = unique("latency");
    let workflow: Arc<str> = target.workflow(&name).await?.into();
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let mut workers = JoinSet::new();
    for index in 0..WORKERS {
        let client = target.connect().await?;
        workers.spawn(deliver(
            client,
            format!("w{index}"),
            name.clone(),
            delivered.clone(),
        ));
    }
    let starter = tokio::spawn(start(
        target.connect_many(16).await?,
        workflow,
        per_second,
        runs,
    ));
    let mut at = vec![None; runs];
    for _ in 0..runs {
        let (n, instant): (usize, Instant) = tokio::select! {
            delivery = deliveries.recv() => delivery.expect("the sender lives as long as this"),
            Some(ended) = workers.join_next() => {
                ended??;
                bail!("a worker ended by itself");
            }
        };
        at[n] = Some(instant);
    }
    let started = starter.await??;
    workers.abort_all();
    let mut latencies: Vec<Duration> = started
        .into_iter()
        .zip(at)
        .filter_map(|(start, delivery)| Some(delivery?.saturating_duration_since(start)))
        .collect();
    latencies.sort_unstable();
    let at_share = |share: f64| {
        let index = ((latencies.len() as f64 * share) as usize).min(latencies.len() - 1);
        latencies[index].as_secs_f64() * 1_000.0
    };
    Ok(Spread {
        p50: at_share(0.5),
        p99: at_share(0.99),
    })
}

/// Starts each run at its time, over connections that are free, and returns the times.
async fn start(
    clients: Vec<Client>,
    workflow: Arc<str>,
    per_second: u32,
    runs: usize,
) -> anyhow::Result<Vec<Instant>> {
    let clients: Vec<_> = clients
        .into_iter()
        .map(|client| Arc::new(tokio::sync::Mutex::new(client)))
        .collect();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut calls = JoinSet::new();
    let mut times = Vec::with_capacity(runs);
    for n in 0..runs {
        ticks.tick().await;
        let client = Arc::clone(&clients[n % clients.len()]);
        let body = start_body(&workflow, n);
        times.push(Instant::now());
        calls.spawn(async move {
            client
                .lock()
                .await
                .post(&format!("{PROJECT}/runs"), body)
                .await
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(times)
}

/// A worker: notes when a job arrives, then completes it.
async fn deliver(
    mut client: Client,
    worker: String,
    action: String,
    delivered: mpsc::UnboundedSender<(usize, Instant)>,
) -> anyhow::Result<()> {
    let claim = format!(r#"{{"worker_id":"{worker}","actions":["{action}"],"wait_seconds":30}}"#);
    loop {
        let path = format!("{PROJECT}/jobs/claim");
        let Some(job) = client
            .ask::<Claimed>(&path, claim.clone().into_bytes())
            .await?
        else {
            continue;
        };
        delivered.send((job.n()?, Instant::now()))?;
        let report = format!(
            r#"{{"worker_id":"{worker}","attempt":{},"status":"completed"}}"#,
            job.attempt
        );
        client
            .post(
                &format!("{PROJECT}/jobs/{}/complete", job.job_id),
                report.into_bytes(),
            )
            .await?;
    }
}
