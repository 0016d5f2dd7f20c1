//! The wire contract as Rust types: ids, enums, workflow specs, requests and responses.
//!
//! Nothing here does I/O or holds logic beyond parsing and printing. What a client sees of a
//! resource is defined once, in the module named after the resource.

mod action_log;
mod duration;
mod error;
mod events;
mod explanations;
mod ids;
mod interactions;
mod job_options;
mod jobs;
mod lanes;
#[cfg(feature = "openapi")]
pub mod openapi;
mod page;
mod permissions;
mod projects;
mod run_operations;
mod runs;
mod serialize;
mod spec;
mod steps;
mod tools;
mod workers;
mod workflows;

pub use action_log::{ActionLogEntry, ActionLogListResponse};
pub use duration::{InvalidDuration, parse_duration};
pub use error::{ErrorDetail, ErrorResponse};
pub use events::{EventType, JobEventEntry, JobEventsRequest};
pub use explanations::*;
pub use ids::*;
pub use interactions::*;
pub use job_options::*;
pub use jobs::*;
pub use lanes::*;
pub use page::{DEFAULT_LIMIT, DEFAULT_LONG_LIMIT, MAX_LIMIT, MAX_LONG_LIMIT, Page};
pub use permissions::{Permission, covers};
pub use projects::*;
pub use run_operations::*;
pub use runs::*;
pub use spec::*;
pub use steps::*;
pub use tools::*;
pub use workers::{Worker, WorkerListResponse};
pub use workflows::*;

/// A JSON object.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// A point in time. Only `mobius_now()` in SQL makes one.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
