//! What a job waits for, as operators are told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{JobId, RateLimit};

/// Why a job can't be claimed, or what to know of it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainReason {
    /// What it is, for programs: `claimed`, `ended`, `waiting_for_jobs`, `run_ended`, `cancelling`,
    /// `server_job`, `scheduled`, `queue_paused`, `action_paused`, `concurrency_limit`,
    /// `rate_limit`, `jobs_ahead` or `no_worker`.
    pub code: String,
    /// The same in a sentence.
    pub message: String,
}

/// A job that holds a part of a limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LimitHolder {
    /// The job.
    pub job_id: JobId,
    /// The worker that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

/// The limit that a job counts for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainedLimit {
    /// The key; absent for the own limit of a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// How many of its jobs may be held at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i32>,
    /// How many are held, counted up to 100,000.
    pub held: i64,
    /// Those that are held for longest, at most 20.
    pub holders: Vec<LimitHolder>,
    /// How many claims there may be in how much time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// When the rate lets the next claim through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token_at: Option<DateTime<Utc>>,
}

/// What a job waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobExplanation {
    /// The job.
    pub job_id: JobId,
    /// Where it stands.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub status: crate::JobStatus,
    /// Whether a claim of its queue and action that has room for it and for those ahead gets it now.
    pub claimable: bool,
    /// When it can be claimed at the earliest, if that is known: now when it is claimable, and nothing
    /// as long as it waits for something whose end nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_at: Option<DateTime<Utc>>,
    /// How many jobs go first: of its queue and action, or of its limit whatever their queue and
    /// action are, but for paused ones. Counted up to 1,000, which means that many or more.
    pub ahead: i64,
    /// Whether a worker has claimed in the project within the last two minutes, whatever it takes.
    pub workers_seen: bool,
    /// Its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ExplainedLimit>,
    /// What stands in its way, and what else to know.
    pub reasons: Vec<ExplainReason>,
}
