//! How long it takes from a start to the job in the hands of a worker that waits for it.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex,
    time::{MissedTickBehavior, interval},
};

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        client::Client,
        crew::{Crew, Progress},
        durations::Durations,
        site::{Workflow, runs_path},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// How many workers stand parked.
const WORKERS: usize = 32;

/// Over how many connections runs are started.
const STARTERS: usize = 16;

/// Runs at a fixed rate, whether or not those before were delivered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) per_second: u32,
    pub(crate) runs: usize,
}

/// Measures it at two rates.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        for (per_second, runs) in [(50, 500), (500, 5_000)] {
            let label = format!("start to delivery at {per_second} runs/s");
            let case = Case::new(format!("latency-{per_second}"), label, "runs/s");
            let latency = Latency {
                per_second,
                runs: bench.amount(runs),
            };
            bench.measure(&case, &stage, Load::Latency(latency)).await?;
        }
    }
    bench.end(stage).await
}

/// What the tasks share.
struct Course {
    workflow: Workflow,
    /// When each start was called.
    started: Vec<OnceLock<Instant>>,
    latencies: Durations,
    delivered: Progress,
}

impl Latency {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = site.chain(1).await?;
        let mut crew = Crew::default();
        let course = Arc::new(Course {
            started: (0..self.runs).map(|_| OnceLock::new()).collect(),
            latencies: Durations::default(),
            delivered: Progress::towards(self.runs),
            workflow,
        });
        for (index, client) in site.connect_many(WORKERS).await?.into_iter().enumerate() {
            let worker = Worker::new(client, index, &course.workflow.action, 30);
            crew.add(Arc::clone(&course).work(worker));
        }
        let starters = site.connect_many(STARTERS).await?;
        gate.open().await?;
        let begun = Instant::now();
        crew.add(Arc::clone(&course).start(starters, self.per_second));
        crew.until_reached(&course.delivered).await?;
        let outcome = Outcome::new(self.runs, begun.elapsed().as_secs_f64());
        Ok(course.latencies.add_to(outcome))
    }
}

impl Course {
    /// Starts each run at its time, over the next connection.
    async fn start(self: Arc<Self>, clients: Vec<Client>, per_second: u32) -> anyhow::Result<()> {
        let clients: Vec<_> = clients
            .into_iter()
            .map(|c| Arc::new(Mutex::new(c)))
            .collect();
        let mut ticks = interval(Duration::from_secs(1) / per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls = Crew::default();
        for n in 0..self.started.len() {
            ticks.tick().await;
            let client = Arc::clone(&clients[n % clients.len()]);
            let body = self.workflow.start(n);
            // From here on: waiting for a connection that is still in use counts, too.
            self.started[n].get_or_init(Instant::now);
            calls.add(async move {
                let mut client = client.lock().await;
                client.post(&runs_path(), body.as_bytes()).await
            });
        }
        calls.join().await
    }

    /// Notes when a job arrives, then completes it.
    async fn work(self: Arc<Self>, mut worker: Worker) -> anyhow::Result<()> {
        loop {
            let Some(job) = worker.claim().await? else {
                continue;
            };
            let arrived = Instant::now();
            if let Some(started) = self.started[job.n()?].get() {
                self.latencies.note(arrived.duration_since(*started));
            }
            worker.complete(&job).await?;
            self.delivered.add(1);
        }
    }
}
