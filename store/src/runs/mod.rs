//! Runs: started in batches, moved on by their jobs, read and listed.

mod bounds;
mod insert;
mod outcome;
mod read;
mod start;

pub use bounds::OutOfBounds;
pub(crate) use insert::{NewRun, insert};
pub use outcome::{Outcome, outcome};
pub use read::{RunFilter, get, ids_matching, list};
pub use start::{Initiator, Source, StartRun};
pub(crate) use start::{ParentJob, Saved, plan, start_batch};
