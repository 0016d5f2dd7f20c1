//! A worker for payments, and the people who decide on three of them, in one process.
//!
//! Start `mobius dev` in one terminal. In another one, with what its `.mobius/credentials.json`
//! says:
//!
//! ```text
//! MOBIUS_API_URL=http://127.0.0.1:8080 MOBIUS_API_KEY=mbx_… MOBIUS_PROJECT=default \
//!     cargo run -p approval
//! ```
//!
//! With `--wait` it starts nothing and decides nothing: start a run of the workflow yourself, then
//! `mobius runs signal RUN decision --payload '{"approved": true}'` and `mobius runs resume RUN`.

use mobius_worker_sdk::{Client, Worker};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let worker = approval::register(Worker::from_env()?.name("approval"));
    if std::env::args().any(|argument| argument == "--wait") {
        let spec = serde_json::to_string_pretty(&approval::workflow())?;
        println!("the workflow:\n{spec}");
        return Ok(worker.run().await?);
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run_until(async {
        // An error only says that the other end is gone, which is as good.
        let _ = stopped.await;
    }));
    let played = approval::play(&Client::from_env()?).await;
    let _ = stop.send(());
    working.await??;
    for outcome in played? {
        println!("{} is {}", outcome.run, outcome.outcome);
    }
    Ok(())
}
