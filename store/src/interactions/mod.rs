//! Interactions: what runs ask people, and what these answer.
//!
//! One that a run waits for changes only with that run, under its lock.

mod changes;
mod read;

pub(crate) use changes::InteractionChanges;
pub(crate) use read::run_of;
pub use read::{InteractionFilter, get, list};
