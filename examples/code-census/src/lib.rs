//! Example: a census of a source tree, counted by any number of workers.
//!
//! One run of `code-census-list` walks the tree and cuts its files into portions; one run of
//! `code-census-count` for each portion counts it. The results are merged by [`Census::merge`].
//!
//! All workers must see the tree under the same path. Nothing here talks to the control plane:
//! `mobius demo` starts the runs, the binary of this package is one more worker.

mod census;
mod count;
mod language;
mod list;
mod workflows;

use mobius_worker_sdk::Worker;

pub use census::{Census, Row};
pub use list::Portion;
pub use workflows::{
    COUNT_WORKFLOW, InvalidResult, LIST_WORKFLOW, census_of, portions_of, workflows,
};

/// Adds the actions of the census to a worker.
pub fn register(worker: Worker) -> Worker {
    worker
        .action("census.list", list::list)
        .action("census.count", count::count)
}
