//! Example: a census of a source tree, counted by any number of workers.
//!
//! A run walks the tree and cuts its files into portions, counts them all at once, one job each, and
//! adds up. Beside that a branch of it waits for the signal that somebody is there to read the
//! census; the run ends when both are done.
//!
//! All workers must see the tree under the same path. Nothing here talks to the control plane:
//! `mobius demo` starts the run and sends the signal, the binary of this package is one more worker.

mod census;
mod count;
mod language;
mod list;
mod merge;
mod workflow;

use mobius_worker_sdk::Worker;

pub use census::{Census, Row};
pub use merge::Summary;
pub use workflow::{InvalidResult, READER, WORKFLOW, summary_of, workflow};

/// Adds the actions of the census to a worker.
pub fn register(worker: Worker) -> Worker {
    worker
        .action("census.list", list::list)
        .action("census.count", count::count)
        .action("census.merge", merge::merge)
}
