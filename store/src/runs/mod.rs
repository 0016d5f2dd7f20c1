//! Runs: started in batches, moved on by their jobs, read and listed.

pub(crate) mod insert;
mod read;
mod start;

pub use read::{RunFilter, get, list};
pub(crate) use start::start_batch;
pub use start::{Initiator, Source, StartRun};
