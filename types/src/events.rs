//! Run events: the kinds of change that a run's history records.

/// The kinds of event that the control plane writes itself. Workers add their own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A run changed: status, attempt, error.
    RunUpdated,
    /// A job changed: status, attempt, worker, error.
    JobUpdated,
    /// An attempt of an action ended and stands in the action log.
    ActionAppended,
}

impl EventType {
    /// The name in the stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunUpdated => "run_updated",
            Self::JobUpdated => "job_updated",
            Self::ActionAppended => "action_appended",
        }
    }
}
