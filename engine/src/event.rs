//! What can happen to a run. Whoever reports an event has checked the worker's fence already.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One execution of one step.
///
/// `visit` counts the step executions of the run, so an event of an earlier execution never
/// matches a later one, even of the same step in the same branch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JobRef {
    /// The branch that executes the step.
    pub branch: String,
    /// The number of this step execution in the run, from 1.
    pub visit: i32,
}

/// Why a job or a run failed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JobError {
    /// A short class, which `retry` and `catch` match on. Empty means `activity_failed`.
    pub kind: String,
    /// What went wrong, for people.
    pub message: String,
    /// More about it, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl JobError {
    pub(crate) fn of(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            details: None,
        }
    }
}

/// How far a job's sequence of retries has come: kept beside the job, handed back with each
/// failure.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RetryProgress {
    /// The index of the policy that holds, once a failure has picked one.
    pub policy: Option<i16>,
    /// How many retries were spent.
    pub retries: i32,
}

/// Something that happened to a run.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The run was accepted.
    Started,
    /// An action succeeded.
    JobSucceeded {
        /// Which step execution.
        job: JobRef,
        /// What the action gave back.
        result: Value,
    },
    /// An attempt of an action failed or took too long.
    JobFailed {
        /// Which step execution.
        job: JobRef,
        /// Why.
        error: JobError,
        /// How far its retries have come.
        progress: RetryProgress,
        /// The number of the attempt that failed, rescued ones included.
        attempt: i32,
        /// A random number in [0, 1), for the retry delay.
        jitter: f64,
    },
    /// A worker was not heard of in time.
    LeaseExpired {
        /// Which step execution.
        job: JobRef,
        /// How often it was rescued before.
        rescues: i32,
    },
}
