//! Finds or installs Postgres and runs a private cluster of it.
//!
//! For `mobius dev`, tests and benches: they need a Postgres, and nobody should have to set one
//! up. A leaf crate: it knows processes and directories, and nothing of our schema. It must never
//! touch a server that it did not start itself.
//!
//! ```no_run
//! # async fn demo() -> Result<(), mobius_private_postgres::Error> {
//! use mobius_private_postgres::{Cluster, Options};
//!
//! let cluster = Cluster::start(Options::durable(".mobius")).await?;
//! println!("{}", cluster.url("postgres"));
//! cluster.stop().await
//! # }
//! ```
//!
//! The cluster never outlives the process that started it: see `supervisor`.

mod account;
mod binaries;
mod cluster;
mod data;
mod error;
mod install;
mod lock;
mod options;
mod orphan;
mod pid_file;
mod place;
mod supervisor;

pub use cluster::Cluster;
pub use error::Error;
pub use options::{Durability, Install, Options};
