//! Runs.

mod action_log;
mod bulk;
mod cancel;
mod jobs;
mod list;
mod names;
mod read;
mod resume;
mod retry;
mod signal;
mod start;
