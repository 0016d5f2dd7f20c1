//! Event streams: many clients follow the histories of projects and runs, one task a project reads.
//!
//! The table is what is streamed. For each project with at least one open stream a reader follows
//! it, woken by the doorbell, and keeps the newest frames, rendered once. A stream is a cursor: it
//! takes frames from there, and reads pages of its own only while it is behind. So a thousand
//! streams cost one query a wake-up, and nothing is buffered for a client beyond a few frames: it
//! pulls. One that takes nothing is disconnected by its socket (`stalled.rs`).

mod ends;
mod feed;
mod frame;
mod hub;
mod reader;
mod recent;
mod replay;
mod seats;
mod stream;

pub(crate) use frame::RESET;
pub(crate) use hub::Hub;
pub(crate) use seats::Seats;
pub(crate) use stream::{Start, Stream};
