//! `mobius worker`: a worker with the stock actions.

use mobius_worker_runtime::stock::{self, Config, Options};
use mobius_worker_sdk::Client;

use crate::args::WorkerArguments;

/// Runs it until a signal comes, then drains it.
pub(crate) async fn run(arguments: WorkerArguments) -> anyhow::Result<()> {
    let client = Client::new(&arguments.api_url, &arguments.api_key)?;
    let client = match arguments.project {
        Some(project) => client.project(project),
        None => client,
    };
    let worker = stock::worker(Config {
        client,
        queues: arguments.queues,
        concurrency: arguments.concurrency,
        options: Options {
            shell: arguments.allow_shell,
        },
    })?;
    worker.run().await?;
    Ok(())
}
