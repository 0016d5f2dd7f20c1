//! Workers: the processes that were seen claiming jobs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A worker process as the control plane last saw it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Worker {
    /// The stable id that the worker gave itself.
    pub worker_id: String,
    /// The name it gave with its claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version it gave with its claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it last claimed, or last stood parked in a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Reserved; jobs are not routed by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Whether it has not claimed for two minutes.
    pub stale: bool,
}

/// The workers of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerListResponse {
    /// The workers, last seen first.
    pub items: Vec<Worker>,
}
