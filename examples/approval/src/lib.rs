//! Example: payments that a person has to approve.
//!
//! A run waits for the signal `decision`, at most as long as its input `patience` says. A payment
//! that is approved is held by a pause until an operator resumes the run, and only then made. While
//! a run waits it holds no worker, no thread and no connection, for a second or for a month.
//!
//! [`play`] is the part of the people: it starts three payments and decides on two of them.

mod actions;
mod play;
mod workflow;

pub use actions::register;
pub use play::{Outcome, play};
pub use workflow::workflow;
