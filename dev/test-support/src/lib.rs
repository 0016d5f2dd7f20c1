//! Databases and factories for our tests.
//!
//! A test gets a database of its own, cloned in milliseconds from a migrated template. The server
//! is the one in `DATABASE_URL`, or else a private one that the test process starts once and that
//! ends with it. For tests only: everything here panics instead of returning errors, and no
//! product code may depend on it.

mod cluster;
mod database;
pub mod factories;
pub mod inspect;
mod server;
mod stranger;
mod template;

pub use cluster::TestCluster;
pub use database::TestDatabase;
