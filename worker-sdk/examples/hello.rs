//! A whole worker: one typed action that greets.
//!
//! `MOBIUS_API_URL=… MOBIUS_API_KEY=… MOBIUS_PROJECT=default cargo run -p mobius-worker-sdk --example hello`

use mobius_worker_sdk::{ActionError, Context, Worker};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Person {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    text: String,
}

async fn greet(ctx: Context, person: Person) -> Result<Greeting, ActionError> {
    let text = format!("Hello, {}! (attempt {})", person.name, ctx.attempt());
    Ok(Greeting { text })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    Worker::from_env()?.action("greet", greet).run().await?;
    Ok(())
}
