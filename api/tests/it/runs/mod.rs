//! Runs.

mod bulk;
mod cancel;
mod action_log;
mod jobs;
mod list;
mod read;
mod resume;
mod retry;
mod signal;
mod start;
