//! Run events: the kinds of change that a run's history records, and those that workers add.

use serde::{Deserialize, Serialize};

use crate::JsonObject;

/// The kinds of event that the control plane writes itself. Workers add their own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A run changed: status, attempt, error.
    RunUpdated,
    /// A job changed: status, attempt, worker, error.
    JobUpdated,
    /// An attempt of an action ended and stands in the action log.
    ActionAppended,
}

impl EventType {
    /// Every kind that the control plane writes.
    pub const ALL: &'static [Self] = &[Self::RunUpdated, Self::JobUpdated, Self::ActionAppended];

    /// The name in the stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunUpdated => "run_updated",
            Self::JobUpdated => "job_updated",
            Self::ActionAppended => "action_appended",
        }
    }
}

/// Events that the worker of a claimed job adds to the history of its run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEventsRequest {
    /// The worker that claimed.
    pub worker_id: String,
    /// The attempt that it claimed.
    pub attempt: i32,
    /// The events, in order: 1 to 100. All of them are stored, or none.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub events: Vec<JobEventEntry>,
}

/// An event of a worker's own kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobEventEntry {
    /// A name of the worker's choice. Not one that begins with `mobius.`, and not one of the
    /// stream's own: `run_updated`, `job_updated`, `action_appended`, `reset`.
    #[serde(rename = "type")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9_.-]+$")
    )]
    pub kind: String,
    /// What the event tells; at most 16 KiB as JSON.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::AnyObject))]
    pub payload: JsonObject,
}
