//! What a branch waits for at its current step.

use mobius_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What a branch waits for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Waiting {
    /// The end of its job.
    #[default]
    Job,
    /// The end of all items.
    FanOut {
        /// How many there are.
        items: u32,
    },
    /// A signal of this name.
    Signal {
        name: String,
        until: Timestamp,
        /// The whole time, as the author wrote it.
        timeout: String,
    },
    /// A time.
    Time { until: Timestamp },
    /// An operator.
    Resume,
    /// An answer.
    Answer {
        until: Timestamp,
        /// The whole time, as the author wrote it.
        timeout: String,
    },
    /// Other branches: these, or those that its step lists.
    Join {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branches: Option<Vec<String>>,
    },
    /// A retry of the run: the step failed, or the run did before the step was entered.
    Retry,
}

impl Waiting {
    /// About how large it is, written as JSON, beyond a fixed small part.
    pub(crate) fn size(&self) -> u64 {
        let text = |text: &str| text.len() as u64 + 3;
        match self {
            Self::Signal { name, timeout, .. } => text(name) + text(timeout),
            Self::Answer { timeout, .. } => text(timeout),
            Self::Join { branches } => branches.iter().flatten().map(|name| text(name)).sum(),
            Self::Job | Self::FanOut { .. } | Self::Time { .. } | Self::Resume | Self::Retry => 0,
        }
    }

    /// How many items of an `each` step it stands for.
    pub(crate) const fn items(&self) -> u32 {
        match self {
            Self::FanOut { items } => *items,
            Self::Job
            | Self::Signal { .. }
            | Self::Time { .. }
            | Self::Resume
            | Self::Answer { .. }
            | Self::Join { .. }
            | Self::Retry => 0,
        }
    }

    /// Whether neither a worker nor the control plane has anything to do for the branch.
    pub(crate) const fn is_parked(&self) -> bool {
        match self {
            Self::Signal { .. }
            | Self::Time { .. }
            | Self::Resume
            | Self::Answer { .. }
            | Self::Join { .. } => true,
            Self::Job | Self::FanOut { .. } | Self::Retry => false,
        }
    }

    /// When its timer fires.
    pub(crate) const fn timer(&self) -> Option<Timestamp> {
        match self {
            Self::Signal { until, .. } | Self::Time { until } | Self::Answer { until, .. } => {
                Some(*until)
            }
            Self::Job | Self::FanOut { .. } | Self::Resume | Self::Join { .. } | Self::Retry => {
                None
            }
        }
    }

    /// For compact states: most branches wait for a job.
    pub(crate) const fn is_job(&self) -> bool {
        matches!(self, Self::Job)
    }
}
