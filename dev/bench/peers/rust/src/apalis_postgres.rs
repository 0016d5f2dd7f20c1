//! apalis-postgres: one job with each fetch, and a hundred with each for several workers.

mod measure;

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use sqlx::{PgPool, postgres::PgPoolOptions};

use measure::{Order, Work, measure, repeat, until_done};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DONE: &str = "select count(*) from apalis.jobs where status = 'Done'";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let order = Order::read()?;
    let pool = PgPoolOptions::new()
        .max_connections(30)
        .connect(&order.database_url)
        .await?;
    PostgresStorage::setup(&pool).await?;
    let jobs = order.jobs;
    if order.word.starts_with("drain") {
        enqueue_all(&pool, jobs).await?;
    }
    let work: Work = match order.word.as_str() {
        "enqueue-single" => Box::pin(async move { enqueue_each(&pool, jobs).await }),
        "enqueue-bulk" => Box::pin(async move { enqueue_all(&pool, jobs).await }),
        "drain-single" => Box::pin(work_off(pool, jobs, 16, 1)),
        "drain-best" => Box::pin(work_off(pool, jobs, 4, 100)),
        "cycle" => Box::pin(async move {
            let working = work_off(pool.clone(), jobs, 16, 1);
            futures::future::try_join(working, enqueue_each(&pool, jobs)).await?;
            Ok(())
        }),
        other => anyhow::bail!("unknown: {other}"),
    };
    measure(jobs, work).await
}

fn storage(pool: &PgPool, batch: usize) -> PostgresStorage<usize> {
    let config = Config::default()
        .queue("nothing")
        .batch_size(batch)
        .lock_tasks(false);
    PostgresStorage::new(pool).with_config(config)
}

async fn enqueue_each(pool: &PgPool, jobs: usize) -> anyhow::Result<()> {
    repeat(jobs, |n| {
        let mut storage = storage(pool, 1);
        async move {
            storage
                .push(n)
                .await
                .map_err(|error| anyhow::anyhow!("{error}"))
        }
    })
    .await
}

async fn enqueue_all(pool: &PgPool, jobs: usize) -> anyhow::Result<()> {
    let mut storage = storage(pool, 1_000);
    let numbers: Vec<usize> = (0..jobs).collect();
    for chunk in numbers.chunks(1_000) {
        let mut stream = futures::stream::iter(chunk.to_vec());
        let pushed = storage.push_stream(&mut stream).await;
        pushed.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(())
}

async fn nothing(_: usize) -> Result<(), BoxDynError> {
    Ok(())
}

async fn work_off(pool: PgPool, jobs: usize, workers: usize, batch: usize) -> anyhow::Result<()> {
    let workers = (0..workers).map(|index| {
        let worker = WorkerBuilder::new(format!("worker-{index}"))
            .backend(storage(&pool, batch))
            .parallelize(tokio::spawn)
            .build(nothing);
        async move {
            let ended = worker.run().await;
            ended.map_err(|error| anyhow::anyhow!("{error}"))
        }
    });
    tokio::select! {
        ended = until_done(&pool, DONE, jobs) => ended,
        ended = futures::future::try_join_all(workers) => {
            ended?;
            anyhow::bail!("the workers ended by themselves")
        }
    }
}
