//! The action log: every ended attempt of a run's actions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{JobId, JsonObject};

/// An attempt that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionLogEntry {
    /// Names the entry: the job's id and the number of the attempt.
    pub id: String,
    /// The action that ran.
    pub action: String,
    /// The step that it ran for.
    pub step_name: String,
    /// The branch of that step.
    pub branch_id: String,
    /// What the action was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub parameters: Option<JsonObject>,
    /// What the action gave back, if it succeeded. A result that is no JSON object is shown as
    /// `{"value": …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub result: Option<JsonObject>,
    /// What went wrong, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the attempt was claimed.
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The class of the error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// The job whose attempt it was.
    pub job_id: JobId,
    /// The number of the attempt, from 1.
    pub attempt: i32,
    /// The worker that held it.
    pub worker_id: String,
}

/// A page of a run's action log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionLogListResponse {
    /// The entries, in the order in which the attempts ended.
    pub items: Vec<ActionLogEntry>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
