//! graphile_worker: one commit a job, and its own recommendation for throughput, a local queue and
//! reports in batches.

mod measure;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};

use measure::{Order, Work, measure, repeat, until_done};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONCURRENCY: usize = 24;

/// Finished jobs are deleted, so all are done when all have run and none is left.
const NONE_LEFT: &str = "select (not exists (select from graphile_worker._private_jobs))::int::int8";

static RUN: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Serialize, Deserialize)]
struct Nothing {
    n: usize,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, _context: WorkerContext) -> impl IntoTaskHandlerResult {
        RUN.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let order = Order::read()?;
    let pool = PgPoolOptions::new()
        .max_connections(CONCURRENCY as u32 + 6)
        .connect(&order.database_url)
        .await?;
    let worker = worker(&pool, order.word == "drain-best").await?;
    let utils = worker.create_utils();
    if order.word.starts_with("drain") {
        enqueue_all(&utils, order.jobs).await?;
    }
    let jobs = order.jobs;
    let work: Work = match order.word.as_str() {
        "enqueue-single" => Box::pin(async move { enqueue_each(&utils, jobs).await }),
        "enqueue-bulk" => Box::pin(async move { enqueue_all(&utils, jobs).await }),
        "drain-single" | "drain-best" => Box::pin(work_off(worker, pool, jobs)),
        "cycle" => Box::pin(async move {
            let both = (work_off(worker, pool, jobs), enqueue_each(&utils, jobs));
            futures::future::try_join(both.0, both.1).await?;
            Ok(())
        }),
        other => anyhow::bail!("unknown: {other}"),
    };
    measure(jobs, work).await
}

/// It works off what it finds at each poll, so it polls often.
async fn worker(pool: &PgPool, is_best: bool) -> anyhow::Result<Worker> {
    let options = WorkerOptions::default()
        .concurrency(CONCURRENCY)
        .poll_interval(Duration::from_millis(5))
        .listen_os_shutdown_signals(false)
        .define_job::<Nothing>()
        .pg_pool(pool.clone());
    let options = match is_best {
        true => options
            .local_queue(LocalQueueConfig::default().with_size(1_000))
            .complete_job_batch_delay(Duration::from_millis(5))
            .fail_job_batch_delay(Duration::from_millis(5)),
        false => options,
    };
    Ok(options.init().await?)
}

async fn enqueue_each(utils: &WorkerUtils, jobs: usize) -> anyhow::Result<()> {
    repeat(jobs, |n| async move {
        utils.add_job(Nothing { n }, JobSpec::default()).await?;
        Ok(())
    })
    .await
}

async fn enqueue_all(utils: &WorkerUtils, jobs: usize) -> anyhow::Result<()> {
    let spec = JobSpec::default();
    let all: Vec<_> = (0..jobs).map(|n| (Nothing { n }, &spec)).collect();
    for chunk in all.chunks(1_000) {
        utils.add_jobs(chunk).await?;
    }
    Ok(())
}

async fn work_off(worker: Worker, pool: PgPool, jobs: usize) -> anyhow::Result<()> {
    let ended = async {
        while RUN.load(Ordering::Relaxed) < jobs {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        until_done(&pool, NONE_LEFT, 1).await
    };
    tokio::select! {
        ended = ended => ended,
        stopped = worker.run() => Ok(stopped?),
    }
}
