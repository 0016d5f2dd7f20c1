//! Runs: one execution of a workflow each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Job, JobOptions, JsonObject, RateLimit, RunId, WorkflowId, WorkflowSpec};

/// The longest name or label, in characters; a longer one would not fit an index row.
pub const MAX_NAME_CHARS: usize = 255;

/// The longest free text, such as the value of a label, in characters.
pub const MAX_TEXT_CHARS: usize = 10_000;

/// How many labels a run may have in its `metadata`.
pub const MAX_RUN_LABELS: usize = 100;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "postgres", derive(sqlx::Type))]
#[cfg_attr(
    feature = "postgres",
    sqlx(type_name = "run_status", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowRunStatus {
    /// Nothing of it has been claimed yet.
    Queued,
    /// Something of it is, or was, with a worker.
    Running,
    /// Every branch has reached its end.
    Completed,
    /// It ended with an error, or was cancelled.
    Failed,
    /// Every live branch waits for something outside.
    Suspended,
}

impl WorkflowRunStatus {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
        }
    }

    /// Whether the run can't change by itself any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowRun {
    /// The run's id.
    pub id: RunId,
    /// The queue that its jobs go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The run that started this one as its child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<RunId>,
    /// The workflow it was started from; absent for an inline spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_id: Option<WorkflowId>,
    /// The version it runs; zero for an inline spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_version: Option<i32>,
    /// Whether it was started from an inline spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<bool>,
    /// The workflow's name when the run started.
    pub workflow_name: String,
    /// Where it stands.
    pub status: WorkflowRunStatus,
    /// How often it was started: 1, and one more with each retry.
    pub attempt: i32,
    /// The inputs, with defaults filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub inputs: Option<JsonObject>,
    /// Labels of the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Whether somebody asked for it to be cancelled, and it was not retried since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub cancel_requested: bool,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What kind of actor started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<String>,
    /// Which actor started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// A label of what started it, such as the name of an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<String>,
    /// The caller's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Higher ones are claimed first; its jobs have the same.
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
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When a job of it was first claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A run with its spec, its jobs and its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowRunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: WorkflowRun,
    /// The spec that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowSpec>,
    /// The declared outputs as a JSON object in base64, once it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_b64: Option<String>,
    /// Its newest jobs, oldest of them first: at most 1,000, and less of jobs with large
    /// parameters. `GET …/runs/{id}/jobs` has all of them, in pages.
    #[serde(default)]
    pub jobs: Vec<Job>,
}

/// A page of runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowRunListResponse {
    /// The runs, newest first.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub items: Vec<WorkflowRun>,
    /// The same runs again, under the name that older clients read.
    pub data: Vec<WorkflowRun>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// How to start a run: from a saved workflow or from a spec of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StartRunRequest {
    /// The saved workflow, whose newest version runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_id: Option<String>,
    /// A spec for this run alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowSpec>,
    /// The queue for its jobs; `default` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub inputs: Option<JsonObject>,
    /// Labels to find the run by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// The caller's own id for the run; several runs may share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Among the jobs that a worker could take, those of a higher priority go first: -100 to 100,
    /// and 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The key over whose jobs the limits count, in all runs of the project: 1 to 255 characters. What a
    /// start says goes before what its workflow says, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// How many jobs of the key may be held by workers at once, 1 to 100,000. Without a key, how many
    /// of the workflow's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i64>,
    /// How many jobs of the key may be claimed in how much time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

impl StartRunRequest {
    /// Takes out what it says of how the run's jobs are claimed.
    pub fn take_job_options(&mut self) -> JobOptions {
        JobOptions {
            priority: self.priority.take(),
            concurrency_key: self.concurrency_key.take(),
            max_concurrency: self.max_concurrency.take(),
            rate_limit: self.rate_limit.take(),
        }
    }
}
