//! What a worker author imports: typed actions, a worker that runs them, and a client.
//!
//! A worker is a process that claims jobs over HTTP, runs the action that each names, keeps the
//! lease alive meanwhile, and reports how it ended:
//!
//! ```no_run
//! use mobius_worker_sdk::{ActionError, Context, Worker};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Email { to: String }
//! #[derive(Serialize)]
//! struct Sent { id: String }
//!
//! async fn send(ctx: Context, email: Email) -> Result<Sent, ActionError> {
//!     Ok(Sent { id: format!("{}:{}", ctx.idempotency_key(), email.to) })
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     Worker::from_env()?.queues(["emails"]).concurrency(8).action("send_email", send).run().await?;
//!     Ok(())
//! }
//! ```
//!
//! The loop itself (slots, long polls, heartbeats, reports, drain) is in this crate, so that this
//! one dependency is enough for an author; `mobius-worker-runtime` adds ready-made actions.
//! This crate speaks the HTTP contract only: it must never know of the database.
//!
//! # What is promised
//! An action runs at least once. Two attempts of one job can overlap only if this process stands
//! still for longer than a lease; whatever must not happen twice is given
//! [`Context::idempotency_key`]. A worker that can't renew a lease stops the action before the
//! control plane hands the job to another worker, and reports nothing.

mod action;
mod cancellation;
mod client;
mod context;
mod emit;
mod error;
mod outputs;
mod reconnect;
pub mod testing;
mod worker;

pub use action::Action;
pub use cancellation::CancelReason;
pub use client::{Client, ClientError, ConfigError};
pub use context::Context;
pub use emit::EmitError;
pub use error::{ACTIVITY_FAILED, ActionError, FATAL_ERROR};
pub use mobius_types as types;
pub use outputs::{InvalidOutputs, run_outputs};
pub use worker::{Worker, WorkerError};
