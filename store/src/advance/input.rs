//! What can happen to a run, as the rest of the store asks for it.

use mobius_engine::{JobRef, RetryFrom, Signal};
use mobius_types::{ActorRef, InteractionId, JobId, RunId, Timestamp};
use serde_json::{Value, json};

use super::{Ending, Outcome, Settlement};
use crate::weight::{weight_of, weight_of_object};

/// One thing that happened, or that somebody wants to happen.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// An attempt of a job ended.
    JobEnded(Settlement),
    /// The time came that a step execution waits for.
    TimerFired { run: RunId, job: JobRef },
    /// Somebody sent a signal.
    Signal { run: RunId, signal: Signal },
    /// Somebody answered an interaction of the run.
    Answered { run: RunId, answer: Answer },
    /// Somebody resumes the run.
    Resume { run: RunId },
    /// Somebody wants the run to end; `by` tells people who.
    Cancel { run: RunId, by: String },
    /// Somebody wants a failed run to go on.
    Retry { run: RunId, from: RetryFrom },
    /// The next items of a fan-out are to be made.
    Chunk { run: RunId, fan_out: JobId },
    /// A job of the control plane is to start its child run.
    StartChild { run: RunId, job: JobId },
    /// The child run that a job waits for has ended.
    ChildEnded { job: JobId, child: RunId },
}

/// An answer to an interaction.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The interaction.
    pub interaction: InteractionId,
    /// Who answers.
    pub responder: ActorRef,
    /// The answer itself.
    pub value: Value,
    /// What the responder adds to it.
    pub comment: Option<String>,
}

impl Answer {
    /// The answer as it is stored, and as the run gets it.
    pub(super) fn response(&self, now: Timestamp) -> Value {
        json!({
            "value": self.value,
            "comment": self.comment,
            "at": now,
            "responder": self.responder,
        })
    }
}

impl Input {
    /// The job that it names.
    pub(super) const fn job(&self) -> Option<JobId> {
        match self {
            Self::JobEnded(settlement) => Some(settlement.job),
            Self::StartChild { job, .. } | Self::ChildEnded { job, .. } => Some(*job),
            Self::Chunk { .. }
            | Self::TimerFired { .. }
            | Self::Signal { .. }
            | Self::Answered { .. }
            | Self::Resume { .. }
            | Self::Cancel { .. }
            | Self::Retry { .. } => None,
        }
    }

    /// The run that it names; that of a job is looked up.
    pub(super) const fn run(&self) -> Option<RunId> {
        match self {
            Self::JobEnded(_) | Self::ChildEnded { .. } => None,
            Self::Chunk { run, .. }
            | Self::StartChild { run, .. }
            | Self::TimerFired { run, .. }
            | Self::Signal { run, .. }
            | Self::Answered { run, .. }
            | Self::Resume { run }
            | Self::Cancel { run, .. }
            | Self::Retry { run, .. } => Some(*run),
        }
    }

    /// About how many bytes it carries.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::JobEnded(Settlement {
                ending:
                    Ending::Reported {
                        outcome: Outcome::Completed { result },
                        ..
                    },
                ..
            }) => result.as_ref().map_or(0, Vec::len),
            Self::Signal { signal, .. } => weight_of_object(&signal.payload),
            Self::Answered { answer, .. } => weight_of(&answer.value),
            Self::JobEnded(_)
            | Self::Chunk { .. }
            | Self::StartChild { .. }
            | Self::ChildEnded { .. }
            | Self::TimerFired { .. }
            | Self::Resume { .. }
            | Self::Cancel { .. }
            | Self::Retry { .. } => 0,
        }
    }
}
