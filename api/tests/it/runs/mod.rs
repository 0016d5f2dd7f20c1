//! Runs.

mod action_log;
mod jobs;
mod list;
mod read;
mod start;
