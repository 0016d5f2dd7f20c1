//! Tests of the executable as a user runs it: processes, signals, HTTP, and nothing of its insides.
//!
//! Each test has a database, a cluster or a data directory of its own. Every process that a test
//! starts ends with the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approval;
mod demo;
mod dev;
mod fleet;
mod harness;
mod openapi;
mod postgres;
mod replicas;
mod runs;
mod server;
mod settings;
mod worker;
