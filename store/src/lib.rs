//! Everything durable: all SQL, and the transactions that move runs and jobs.
//!
//! Queries are free functions on a connection; [`Store`] holds what outlives a request: the pool,
//! the compiled specs, the batches of the hot path and the doorbell. No other crate writes SQL,
//! and this one knows nothing of HTTP.

mod advance;
mod batch;
pub mod bootstrap;
pub mod children;
pub mod clock;
mod cursor;
mod db;
mod doorbell;
mod error;
pub mod events;
pub mod fan_outs;
mod follow_ups;
mod gather;
pub mod hand_off;
pub mod interactions;
pub mod jobs;
pub mod keys;
pub mod limits;
mod migrate;
mod operations;
pub mod partitions;
pub mod pauses;
pub mod projects;
pub mod runs;
mod signals;
mod specs;
mod store;
pub mod timers;
mod weight;
pub mod workers;
pub mod workflows;

pub use advance::Answer;
pub use db::{Db, DbOptions};
pub use doorbell::{Doorbell, Ring};
pub use error::Error;
pub use gather::gather;
pub use migrate::{create_database, is_migrated, migrate};
pub use mobius_engine::{
    Limits, MAX_DEPTH, Problem, Problems, RetryFrom, check_job_options, is_deeper_than,
};
pub use specs::{Prepared, Specs};
pub use store::{Settings, Store};
