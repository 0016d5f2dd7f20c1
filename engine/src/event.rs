//! What can happen to a run. Whoever reports an event has checked the worker's fence already.

use mobius_types::{JsonObject, SignalId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{failure::LIMIT_EXCEEDED, json::written_object_size};

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
    /// Whether a run is over one of its limits, if the engine or the control plane says so: a
    /// worker may use the same word for something of its own.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        self.kind == LIMIT_EXCEEDED
    }

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

/// A message that somebody sent to a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Signal {
    /// Which one; each is consumed at most once.
    pub id: SignalId,
    /// What a waiting step asks for.
    pub name: String,
    /// What the waiting step gets.
    pub payload: JsonObject,
}

impl Signal {
    /// About how large it is, written as JSON.
    pub(crate) fn size(&self) -> u64 {
        written_object_size(&self.payload) + self.name.len() as u64
    }
}

/// Where the retry of a failed run begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetryFrom {
    /// Every branch goes on from where it stood when the run failed.
    Failure,
    /// The run is executed again as a whole.
    Start,
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
    /// The control plane can't run an attempt, and another one would not help. When that is because
    /// of a limit of the run (`limit_exceeded`), nothing can catch it.
    JobRefused {
        /// Which step execution.
        job: JobRef,
        /// Why.
        error: JobError,
    },
    /// A worker was not heard of in time.
    LeaseExpired {
        /// Which step execution.
        job: JobRef,
        /// How often it was rescued before.
        rescues: i32,
    },
    /// All items of an `each` step have ended, with no more failures than allowed.
    FanOutCompleted {
        /// Which step execution.
        job: JobRef,
        /// What the items gave back, in their order; `null` when the step stores nothing.
        results: Value,
    },
    /// Too many items of an `each` step have failed.
    FanOutFailed {
        /// Which step execution.
        job: JobRef,
        /// Why.
        error: JobError,
    },
    /// The items of an `each` step can't be made, or what they gave back can't be gathered. When
    /// that is because of a limit of the run (`limit_exceeded`), nothing can catch it.
    FanOutRefused {
        /// Which step execution.
        job: JobRef,
        /// Why.
        error: JobError,
    },
    /// The time that a step waits for has come, or it has waited too long.
    TimerFired {
        /// Which step execution.
        job: JobRef,
    },
    /// A signal was just stored.
    SignalReceived {
        /// The signal.
        signal: Signal,
    },
    /// Whoever was asked has answered.
    InteractionAnswered {
        /// Which step execution.
        job: JobRef,
        /// The answer.
        response: Value,
    },
    /// An operator has resumed the run.
    Resumed,
    /// An operator wants the run to end.
    CancelRequested {
        /// What the run's error will say.
        reason: String,
        /// How many jobs of the run workers hold right now, items included.
        claimed: u32,
    },
    /// An operator wants a failed run to go on. Its `attempt` was increased already.
    RetryRequested {
        /// From where.
        from: RetryFrom,
    },
}
