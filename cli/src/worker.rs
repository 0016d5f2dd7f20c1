//! `mobius worker`: a worker with the stock actions.

use mobius_worker_runtime::stock::{self, Config, Options};

use crate::args::WorkerArguments;

/// Runs it until a signal comes, then drains it.
pub(crate) async fn run(arguments: WorkerArguments) -> anyhow::Result<()> {
    let worker = stock::worker(Config {
        client: arguments.api.client()?,
        queues: arguments.queues,
        concurrency: arguments.concurrency,
        options: Options {
            shell: arguments.allow_shell,
        },
    })?;
    worker.run().await?;
    Ok(())
}
