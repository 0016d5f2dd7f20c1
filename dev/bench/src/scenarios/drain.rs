//! A queue that was filled before is worked off: one job a call, or many.

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use super::starts::start_runs;
use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        crew::{Crew, Progress},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// How many connections fill the queue.
const FILLERS: usize = 128;

/// So many workers, and so many jobs a call.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Drain {
    pub(crate) workers: usize,
    pub(crate) jobs: usize,
    pub(crate) batch: usize,
}

/// Measures both ways.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let single = Case::new("drain-single", "drain, 128 workers, 1 job a call", "jobs/s");
    let batched = Case::new("drain-batch", "drain, 8 workers, 50 jobs a call", "jobs/s");
    let jobs = bench.amount(40_000);
    for _ in bench.rounds() {
        // A fresh database each time: what was filled and drained before makes no difference then.
        let stage = bench.stage().await?;
        bench.control().await?;
        for (case, workers, batch) in [(&single, 128, 1), (&batched, 8, 50)] {
            let drain = Drain {
                workers,
                jobs,
                batch,
            };
            bench.measure(case, &stage, Load::Drain(drain)).await?;
        }
        bench.end(stage).await?;
    }
    Ok(())
}

impl Drain {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = site.chain(1).await?;
        let action = workflow.action.clone();
        let fillers = site.connect_many(FILLERS).await?;
        start_runs(fillers, workflow, self.jobs).await?;
        let mut workers = Vec::with_capacity(self.workers);
        for (index, client) in site
            .connect_many(self.workers)
            .await?
            .into_iter()
            .enumerate()
        {
            workers.push(Worker::new(client, index, &action, 1));
        }
        gate.open().await?;
        let begun = Instant::now();
        work_off(workers, self.jobs, self.batch).await?;
        Ok(Outcome::new(self.jobs, begun.elapsed().as_secs_f64()))
    }
}

/// Lets the workers claim and complete until so many jobs are done.
pub(crate) async fn work_off(
    workers: Vec<Worker>,
    jobs: usize,
    batch: usize,
) -> anyhow::Result<()> {
    let progress = Arc::new(Progress::towards(jobs));
    let mut crew = Crew::default();
    for mut worker in workers {
        let progress = Arc::clone(&progress);
        crew.add(async move {
            loop {
                let done = match batch {
                    0..=1 => move_one(&mut worker).await?,
                    _ => move_many(&mut worker, batch).await?,
                };
                progress.add(done);
            }
        });
    }
    crew.until_reached(&progress).await
}

async fn move_one(worker: &mut Worker) -> anyhow::Result<usize> {
    let Some(job) = worker.claim().await? else {
        return Ok(0);
    };
    worker.complete(&job).await?;
    Ok(1)
}

async fn move_many(worker: &mut Worker, most: usize) -> anyhow::Result<usize> {
    let jobs = worker.claim_many(most).await?;
    if !jobs.is_empty() {
        worker.complete_many(&jobs).await?;
    }
    Ok(jobs.len())
}
