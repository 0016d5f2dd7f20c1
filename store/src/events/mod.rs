//! Run events: appended in the transaction that makes the change they tell of, read by streams.
//!
//! All that one transaction changes of one run stands in one row with several frames, or in a few
//! rows when it is much. The project's counter is bumped once for all of them and is the last lock
//! before the commit; so the sequence is dense, and a smaller number can't appear after a larger one.

mod append;
mod emit;
mod read;

pub(crate) use append::{Frames, append};
pub use emit::{CustomEvent, Emission};
pub(crate) use emit::{emit_alone, emit_batch};
pub use read::{
    Event, EventPage, Position, RunStanding, heads, page_of_project, page_of_run, position,
};
