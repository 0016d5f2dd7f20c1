//! Workflows and their versions.

mod create;
mod delete;
mod list;
mod read;
mod update;
mod versions;
