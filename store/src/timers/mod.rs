//! Timers: the times that step executions of runs wait for.
//!
//! A row is written with the state that waits for it, and gone with the state that does not. A
//! timer that is found due says only that its time came; the run's state decides what follows.

mod changes;
mod due;

pub(crate) use changes::TimerChanges;
pub use due::{DueTimer, due, postpone};
