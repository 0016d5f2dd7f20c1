//! The bench's side of a peer: prepares, says so, waits for the word, works, says what it found.

use std::{
    future::Future,
    io::stdin,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::PgPool;

/// How many calls are under way at a time where each enqueues one job.
pub const CALLERS: usize = 16;

/// What is measured, once it is prepared.
pub type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// What the bench asks for.
pub struct Order {
    pub word: String,
    pub jobs: usize,
    pub database_url: String,
}

impl Order {
    pub fn read() -> anyhow::Result<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut next = || {
            arguments
                .next()
                .ok_or_else(|| anyhow::anyhow!("two arguments"))
        };
        Ok(Self {
            word: next()?,
            jobs: next()?.parse()?,
            database_url: std::env::var("DATABASE_URL")?,
        })
    }
}

/// Measures a piece of work, and ends the process: some peers take long to stop.
pub async fn measure(jobs: usize, work: Work) -> anyhow::Result<()> {
    println!("{}", json!({ "ready": true }));
    hear().await?;
    let begun = Instant::now();
    work.await?;
    println!(
        "{}",
        json!({ "done": jobs, "seconds": begun.elapsed().as_secs_f64() })
    );
    hear().await?;
    std::process::exit(0);
}

async fn hear() -> anyhow::Result<()> {
    tokio::task::spawn_blocking(|| stdin().read_line(&mut String::new())).await??;
    Ok(())
}

/// Calls `each` so many times, from several callers.
pub async fn repeat<F>(times: usize, each: impl Fn(usize) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let next = Arc::new(AtomicUsize::new(0));
    let calls = (0..CALLERS).map(|_| async {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= times {
                return anyhow::Ok(());
            }
            each(n).await?;
        }
    });
    futures::future::try_join_all(calls).await?;
    Ok(())
}

/// Waits until the peer's own table says that so many jobs are done.
pub async fn until_done(pool: &PgPool, done: &'static str, jobs: usize) -> anyhow::Result<()> {
    loop {
        let count: i64 = sqlx::query_scalar(done).fetch_one(pool).await?;
        if usize::try_from(count)? >= jobs {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
