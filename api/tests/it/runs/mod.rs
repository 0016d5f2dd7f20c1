//! Runs.

mod jobs;
mod list;
mod read;
mod start;
