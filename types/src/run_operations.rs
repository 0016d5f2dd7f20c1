//! What operators do to runs: signals, retries, and calls about many runs at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{JsonObject, RunId, SignalId, WorkflowRunStatus};

/// The longest name of a signal, and so the longest `topic` of a step that waits for one, in bytes:
/// a longer one of either kind could never meet the other.
pub const MAX_SIGNAL_NAME_BYTES: usize = 255;

/// A signal to send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendRunSignalRequest {
    /// The name that a `wait_signal` step waits for as its `topic`: 1 to 255 bytes, not blank.
    pub name: String,
    /// What the waiting step gets; at most 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub payload: Option<JsonObject>,
}

/// A signal that is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSignal {
    /// The signal's id.
    pub id: SignalId,
    /// The run that it was sent to.
    pub run_id: RunId,
    /// Its name.
    pub name: String,
}

/// Where a retried run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryPoint {
    /// At the steps that failed or were stopped. What is completed is not run again.
    #[default]
    Failure,
    /// At the beginning, with the inputs it had.
    Start,
}

/// How to retry a failed run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetryRunRequest {
    /// Where it goes on; `failure` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub from: Option<RetryPoint>,
}

/// Which runs a call is about. All fields that are given must hold; an empty filter is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkRunFilter {
    /// Where they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkflowRunStatus>,
    /// The workflow's name when they started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_type: Option<String>,
    /// The queue of their jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The run that started them as children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<String>,
    /// The label of what started them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<String>,
    /// The caller's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The runs of a bulk call: by their ids or by a filter, never both.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkRunRequest {
    /// Their ids, at most 1,000; empty or left out beside a `filter`. One that is listed twice
    /// counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub run_ids: Option<Vec<String>>,
    /// What they have in common. At most 1,000 runs are dealt with, the newest ones that have
    /// not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<BulkRunFilter>,
}

/// The runs to retry, and where they go on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkRetryRequest {
    /// Their ids, at most 1,000; empty or left out beside a `filter`. One that is listed twice
    /// counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub run_ids: Option<Vec<String>>,
    /// What they have in common. At most 1,000 runs are dealt with, the newest ones that have
    /// failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<BulkRunFilter>,
    /// Where they go on; `failure` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub from: Option<RetryPoint>,
}

/// What became of each run of a bulk call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkRunResult {
    /// The ids of the runs for which it was done.
    pub succeeded: Vec<String>,
    /// Why it was not done for the others, by id as given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub failures: BTreeMap<String, String>,
    /// Whether the filter matched more runs than one call deals with: call again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}
