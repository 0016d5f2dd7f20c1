//! How attempts end: what workers report and what the scheduler finds.

use mobius_engine::{Event, ItemDecision, ItemEvent, JobError, result_value};
use mobius_types::{JobId, JobStatus, UserId};

use super::load::LockedJob;
use crate::jobs::Fence;

/// An attempt that ended, or should end.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub job: JobId,
    /// How its attempt ended.
    pub ending: Ending,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Ending {
    /// Its worker says so.
    Reported {
        /// Whose report it is.
        fence: Fence,
        /// What it says.
        outcome: Outcome,
    },
    /// The lease of this attempt expired.
    LeaseExpired {
        /// The attempt; a newer one is left alone.
        attempt: i32,
    },
    /// This attempt took longer than its timeout.
    TimedOut {
        /// The attempt; a newer one is left alone.
        attempt: i32,
    },
    /// The control plane ran this attempt itself.
    Served {
        /// The attempt; a newer one is left alone.
        attempt: i32,
        /// What came of it.
        outcome: Outcome,
    },
    /// The control plane can't run this attempt, and trying again is of no use.
    Refused {
        /// The attempt; a newer one is left alone.
        attempt: i32,
        /// Why.
        error: JobError,
    },
}

/// What became of an action.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The action succeeded.
    Completed {
        /// What it gave back.
        result: Option<Vec<u8>>,
    },
    /// The action failed.
    Failed {
        /// The class of the error.
        error_type: Option<String>,
        /// What went wrong.
        message: Option<String>,
    },
}

/// The class of error with which a worker gives back a job because it shuts down.
const WORKER_SHUTDOWN: &str = "worker_shutdown";

impl Outcome {
    /// Where a report leads a job for good.
    pub(super) const fn status(&self) -> JobStatus {
        match self {
            Self::Completed { .. } => JobStatus::Completed,
            Self::Failed { .. } => JobStatus::Failed,
        }
    }

    /// Whether the report only says that the worker stops.
    fn is_shutdown(&self) -> bool {
        match self {
            Self::Failed { error_type, .. } => error_type.as_deref() == Some(WORKER_SHUTDOWN),
            Self::Completed { .. } => false,
        }
    }
}

impl Ending {
    /// Who reported the end; nobody when the control plane ended the attempt.
    pub(super) const fn reporter(&self) -> Option<UserId> {
        match self {
            Self::Reported { fence, .. } => Some(fence.actor),
            Self::LeaseExpired { .. }
            | Self::TimedOut { .. }
            | Self::Served { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// What the action gave back.
    pub(super) fn result(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Reported {
                outcome: Outcome::Completed { result },
                ..
            }
            | Self::Served {
                outcome: Outcome::Completed { result },
                ..
            } => result.as_ref(),
            Self::Reported {
                outcome: Outcome::Failed { .. },
                ..
            }
            | Self::Served {
                outcome: Outcome::Failed { .. },
                ..
            }
            | Self::LeaseExpired { .. }
            | Self::TimedOut { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// The fence under which a failure was reported.
    pub(super) const fn reported_failure(&self) -> Option<&Fence> {
        match self {
            Self::Reported {
                fence,
                outcome: Outcome::Failed { .. },
            } => Some(fence),
            Self::Reported {
                outcome: Outcome::Completed { .. },
                ..
            }
            | Self::LeaseExpired { .. }
            | Self::TimedOut { .. }
            | Self::Served { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// The error of an attempt that ended without the action's doing.
    pub(super) fn lost(&self) -> JobError {
        let (kind, message) = match self {
            Self::Reported { .. } => (
                WORKER_SHUTDOWN,
                "the worker shut down and gave the job back",
            ),
            Self::LeaseExpired { .. }
            | Self::TimedOut { .. }
            | Self::Served { .. }
            | Self::Refused { .. } => (
                "lease_expired",
                "the worker sent no heartbeat before its lease ended",
            ),
        };
        error(kind, message)
    }

    /// What the engine is told of a step's own job.
    pub(super) fn event(&self, job: &LockedJob, jitter: fn() -> f64) -> Event {
        let (progress, attempt) = (job.progress, job.attempt);
        let ended = job.job.clone();
        match self.verdict(job) {
            Verdict::Succeeded => Event::JobSucceeded {
                job: ended,
                result: result_value(self.result().map(Vec::as_slice)),
            },
            Verdict::Failed(error) => Event::JobFailed {
                job: ended,
                error,
                progress,
                attempt,
                jitter: jitter(),
            },
            Verdict::Refused(error) => Event::JobRefused { job: ended, error },
            Verdict::Lost { rescues } => Event::LeaseExpired {
                job: ended,
                rescues,
            },
        }
    }

    /// What the engine is told of the job of an item.
    pub(super) fn item_event(&self, job: &LockedJob, jitter: fn() -> f64) -> ItemEvent {
        let (progress, attempt) = (job.progress, job.attempt);
        match self.verdict(job) {
            Verdict::Succeeded => ItemEvent::Succeeded,
            Verdict::Failed(error) => ItemEvent::Failed {
                error,
                progress,
                attempt,
                jitter: jitter(),
            },
            Verdict::Refused(error) => ItemEvent::Refused { error },
            Verdict::Lost { rescues } => ItemEvent::LeaseExpired { rescues },
        }
    }

    /// What an item's job has come to when nothing waits for it any more.
    pub(super) fn late(&self, job: &LockedJob) -> ItemDecision {
        match self.verdict(job) {
            Verdict::Succeeded => ItemDecision::Complete,
            Verdict::Failed(error) | Verdict::Refused(error) => ItemDecision::Fail { error },
            Verdict::Lost { .. } => ItemDecision::Fail { error: self.lost() },
        }
    }

    fn verdict(&self, job: &LockedJob) -> Verdict {
        match self {
            // A worker that stops gives the job back: that is no failure of the action.
            Self::Reported { outcome, .. } if outcome.is_shutdown() => Verdict::Lost { rescues: 0 },
            Self::Reported { outcome, .. } | Self::Served { outcome, .. } => match outcome {
                Outcome::Completed { .. } => Verdict::Succeeded,
                Outcome::Failed {
                    error_type,
                    message,
                } => Verdict::Failed(reported(error_type.as_deref(), message.as_deref())),
            },
            Self::Refused { error, .. } => Verdict::Refused(error.clone()),
            Self::TimedOut { .. } => Verdict::Failed(timed_out(job.timeout_ms)),
            Self::LeaseExpired { .. } => Verdict::Lost {
                rescues: job.rescues,
            },
        }
    }
}

/// What an ended attempt comes to.
enum Verdict {
    Succeeded,
    Failed(JobError),
    /// Another attempt would fail, too.
    Refused(JobError),
    /// Nobody knows: its worker is gone, as others before it.
    Lost {
        rescues: i32,
    },
}

/// The error that a worker reported.
fn reported(error_type: Option<&str>, message: Option<&str>) -> JobError {
    error(
        error_type.unwrap_or("activity_failed"),
        message.unwrap_or("the worker reported a failure without a message"),
    )
}

/// The error of an attempt that took too long.
fn timed_out(timeout_ms: Option<i64>) -> JobError {
    let limit = timeout_ms
        .map(|ms| format!(" of {ms} ms"))
        .unwrap_or_default();
    error(
        "timeout",
        &format!("the attempt took longer than its timeout{limit}"),
    )
}

pub(super) fn error(kind: &str, message: &str) -> JobError {
    JobError {
        kind: kind.to_owned(),
        message: message.to_owned(),
        details: None,
    }
}
