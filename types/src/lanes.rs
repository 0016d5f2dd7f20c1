//! Lanes: the waiting jobs of one queue and action, and what is paused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    /// All jobs of a queue.
    Queue,
    /// All jobs of an action, in whatever queue.
    Action,
}

impl PauseKind {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Action => "action",
        }
    }
}

/// A queue or an action of which no job is handed out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pause {
    /// Whether it is a queue or an action.
    pub kind: PauseKind,
    /// Its name.
    pub name: String,
    /// Why it was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The name of the key that paused it.
    pub paused_by: String,
    /// Since when it is paused.
    pub paused_at: DateTime<Utc>,
}

/// How to pause.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PauseRequest {
    /// Why, as people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The waiting jobs of one queue and action.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lane {
    /// The queue.
    pub queue: String,
    /// The action.
    pub action: String,
    /// How many jobs wait in it for a worker or for their time, counted up to 1,000.
    pub waiting: i64,
    /// Whether its queue or its action is paused.
    pub paused: bool,
}

/// The lanes of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LaneListResponse {
    /// The lanes that ever had a job, by queue and action; at most 1,000.
    pub items: Vec<Lane>,
    /// What is paused, lanes that have had no job yet among it; at most 1,000.
    pub pauses: Vec<Pause>,
}
