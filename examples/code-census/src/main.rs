//! A worker that counts source trees, and nothing else.
//!
//! It takes `MOBIUS_API_URL`, `MOBIUS_API_KEY` and `MOBIUS_PROJECT`, and runs until it is stopped.

use mobius_worker_sdk::Worker;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    code_census::register(Worker::from_env()?.name("code-census"))
        .run()
        .await?;
    Ok(())
}
