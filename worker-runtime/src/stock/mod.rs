//! The stock actions, one file each, and how they come into a worker.

mod cancel;
mod duration;
mod fail;
mod http;
mod json;
mod output;
mod print;
mod random;
mod shell;
mod sleep;
mod time;

use mobius_worker_sdk::{Client, ConfigError, Worker};

/// Which stock actions a worker gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether to add `shell`. Whoever may start a run can then run any command as the worker's
    /// user, so it is off unless asked for.
    pub shell: bool,
}

/// How a stock worker is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The control plane and project.
    pub client: Client,
    /// The queues to claim from; any when empty.
    pub queues: Vec<String>,
    /// How many actions to run at a time.
    pub concurrency: usize,
    /// Which actions to add.
    pub options: Options,
}

/// A worker with the stock actions, ready to run.
///
/// # Errors
/// If the HTTP client of the `http` action can't be set up.
pub fn worker(config: Config) -> Result<Worker, ConfigError> {
    let worker = Worker::new(config.client)
        .name("stock")
        .version(env!("CARGO_PKG_VERSION"))
        .queues(config.queues)
        .concurrency(config.concurrency);
    register(worker, config.options)
}

/// Adds the stock actions to a worker.
///
/// # Errors
/// If the HTTP client of the `http` action can't be set up.
pub fn register(worker: Worker, options: Options) -> Result<Worker, ConfigError> {
    let worker = worker
        .state(http::client()?)
        .action("print", print::print)
        .action("json", json::json)
        .action("time", time::time)
        .action("random", random::random)
        .action("sleep", sleep::sleep)
        .action("fail", fail::fail)
        .action("http", http::http);
    if options.shell {
        return Ok(worker.action("shell", shell::shell));
    }
    Ok(worker)
}
