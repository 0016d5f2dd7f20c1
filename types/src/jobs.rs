//! Jobs: one step execution each, as workers and operators see it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{JobId, JsonObject, RateLimit, RunId, serialize::flattened};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "postgres", derive(sqlx::Type))]
#[cfg_attr(
    feature = "postgres",
    sqlx(type_name = "job_status", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for a worker, or for its time.
    Pending,
    /// A worker holds its lease.
    Claimed,
    /// The action succeeded.
    Completed,
    /// The action failed for good, or the job was stopped.
    Failed,
    /// Nobody may claim it yet: it stands back behind others, or waits for jobs or a run of its
    /// own.
    Waiting,
}

impl JobStatus {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// The job's id; it stays the same through all attempts.
    pub id: JobId,
    /// The run it belongs to.
    pub run_id: RunId,
    /// The job whose items it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_job_id: Option<JobId>,
    /// The branch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_id: Option<String>,
    /// The step it executes.
    pub step_name: String,
    /// The action that a worker runs for it.
    pub action: String,
    /// The queue it stands in.
    pub queue: String,
    /// What the action is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub parameters: Option<JsonObject>,
    /// `pending`, `claimed`, `completed`, `failed` or `waiting`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub status: JobStatus,
    /// The worker that holds it, or held it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// The agent that the worker acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The agent session that the worker acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session_id: Option<String>,
    /// When it was last claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<DateTime<Utc>>,
    /// When its worker last gave a sign of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// How often it was claimed; 1 while it waits for its first claim.
    pub attempt: i32,
    /// How often it may be claimed before it fails for good.
    pub max_attempts: i32,
    /// Before this time no worker gets it.
    pub scheduled_at: DateTime<Utc>,
    /// Higher ones are claimed first.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub priority: i32,
    /// The key over whose jobs its limits count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// How many jobs of the key may be held at once, as the newest start has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i32>,
    /// How many jobs of the key may be claimed in how much time, as the newest start has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// What went wrong in the latest failed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A page of a run's jobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobListResponse {
    /// The jobs, oldest first.
    pub items: Vec<Job>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What a worker asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobClaimRequest {
    /// A stable id of the worker process; part of the lease's fence.
    pub worker_id: String,
    /// The agent that the worker acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The agent session that the worker acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session_id: Option<String>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
    /// The worker's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_version: Option<String>,
    /// The queues to claim from; any when empty.
    #[serde(default)]
    pub queues: Vec<String>,
    /// The actions that the worker can run; any when empty.
    #[serde(default)]
    pub actions: Vec<String>,
    /// How long to hold the request open for a job: 0 to 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 30))]
    pub wait_seconds: Option<i32>,
}

/// A claim of several jobs at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchClaimRequest {
    /// What the worker asks for.
    #[serde(flatten, deserialize_with = "flattened")]
    pub claim: JobClaimRequest,
    /// The most jobs to hand out: 1 to 100.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    pub max_jobs: i32,
}

/// The jobs that a batch claim got; empty when its window closed without one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchClaim {
    /// The claimed jobs.
    pub items: Vec<JobClaim>,
}

/// A job with its lease, as handed to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobClaim {
    /// The job's id, for heartbeats and the report of its end.
    pub job_id: JobId,
    /// The run it belongs to.
    pub run_id: RunId,
    /// The handle of the run's workflow, or the name of an inline spec.
    pub workflow_name: String,
    /// The step it executes.
    pub step_name: String,
    /// The action to run.
    pub action: String,
    /// The agent that it is aimed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The agent session that it was routed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session_id: Option<String>,
    /// What the action is given.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::AnyObject))]
    pub parameters: JsonObject,
    /// The number of this attempt; part of the fence.
    pub attempt: i32,
    /// The queue it came from.
    pub queue: String,
    /// How often to send heartbeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval_seconds: Option<i32>,
    /// How long the lease holds after the claim and after each heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<i32>,
    /// The same for every attempt of this step execution: give it to what must not happen twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// How long this attempt may take, in milliseconds; then the control plane ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
}

/// Which attempt of whom a call speaks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobFenceRequest {
    /// The worker that claimed.
    pub worker_id: String,
    /// The attempt that it claimed.
    pub attempt: i32,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobHeartbeat {
    /// Whether the lease was renewed.
    pub ok: bool,
    /// What the worker is asked to do.
    pub directives: JobHeartbeatDirectives,
}

/// What the worker is asked to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobHeartbeatDirectives {
    /// Whether to stop at once and report the job as failed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false, required = false))]
    pub should_cancel: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// The action succeeded.
    Completed,
    /// The action failed; the step's retry policies decide what follows.
    Failed,
}

/// A worker's report of how an attempt ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobCompleteRequest {
    /// The worker that claimed.
    pub worker_id: String,
    /// The attempt that it claimed.
    pub attempt: i32,
    /// How it ended.
    pub status: JobOutcome,
    /// The action's result in base64; at most 4 MiB once decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_b64: Option<String>,
    /// A short class of the error, which retry and catch match on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Heartbeats for several jobs at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchHeartbeatRequest {
    /// One heartbeat a job: 1 to 100.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub items: Vec<JobBatchHeartbeatItem>,
}

/// The heartbeat of one job in a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchHeartbeatItem {
    /// The job's id.
    pub job_id: String,
    /// Its fence.
    #[serde(flatten, deserialize_with = "flattened")]
    pub fence: JobFenceRequest,
}

/// The reports of several ended attempts at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchCompleteRequest {
    /// One report a job: 1 to 100.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub items: Vec<JobBatchCompleteItem>,
}

/// The report of one ended attempt in a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchCompleteItem {
    /// The job's id.
    pub job_id: String,
    /// The report.
    #[serde(flatten, deserialize_with = "flattened")]
    pub report: JobCompleteRequest,
}

/// What became of each item of a batch of heartbeats or reports, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchResponse {
    /// One answer an item.
    pub items: Vec<JobBatchResult>,
}

/// What became of one item of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobBatchResult {
    /// The job's id as the request gave it.
    pub job_id: String,
    /// The status that the single call would have answered with.
    pub status: i32,
    /// What the worker is asked to do (heartbeats that were accepted).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directives: Option<JobHeartbeatDirectives>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::ErrorDetail>,
}
