//! Runs: started in batches, moved on by their jobs, read and listed.

mod bounds;
mod filter;
mod insert;
mod outcome;
mod read;
mod start;

pub use bounds::OutOfBounds;
pub use filter::{RunFilter, ids_matching};
pub(crate) use insert::{NewRun, insert};
pub use outcome::{Outcome, outcome};
pub use read::{get, list};
pub use start::{Initiator, Source, StartRun};
pub(crate) use start::{ParentJob, Saved, plan, start_batch};
