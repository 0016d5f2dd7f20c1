//! What can go wrong in the store, sorted by what a caller can do about it.

use std::sync::Arc;

use mobius_engine::{Problems, Rejected};

/// A failed store operation. Cheap to clone, because all items of a batch share one failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing of that kind and id is there for this tenant.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The request contradicts what is stored.
    #[error("{message}")]
    Conflict {
        /// A stable word for programs.
        code: &'static str,
        /// What contradicts what.
        message: String,
    },
    /// The run has ended.
    #[error("the run has ended")]
    RunEnded,
    /// The fence is not, or no longer, that of the job's lease.
    #[error("the job is not claimed by this worker with this attempt")]
    LeaseLost,
    /// Values that the workflow does not accept.
    #[error("{0}")]
    Invalid(Problems),
    /// A cursor that no list of this kind gave out.
    #[error("cursor: not one that this list gave out")]
    InvalidCursor,
    /// Postgres is away, overloaded or restarting: the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// A statement failed in a way that repeating it does not cure.
    #[error("a database statement failed")]
    Database(#[source] Arc<sqlx::Error>),
    /// A stored row that this version can't read.
    #[error("a stored row can't be read: {0}")]
    Corrupt(String),
}

impl Error {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether one item may be to blame although the database is there: a row that somebody holds,
    /// or a statement that took too long. The others of its batch may succeed without it.
    #[must_use]
    pub fn may_be_one_item(&self) -> bool {
        match self {
            Self::Unavailable(error) => sqlstate(error)
                .is_some_and(|code| matches!(code.as_str(), "55P03" | "57014" | "40P01" | "40001")),
            Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::RunEnded
            | Self::LeaseLost
            | Self::Invalid(_)
            | Self::InvalidCursor
            | Self::Database(_)
            | Self::Corrupt(_) => true,
        }
    }

    /// Whether the statement lost against a concurrent one, which has won by now: the same
    /// transaction succeeds when it is tried again.
    pub(crate) fn lost_a_race(&self) -> bool {
        match self {
            Self::Unavailable(error) => {
                sqlstate(error).is_some_and(|code| matches!(code.as_str(), "40P01" | "40001"))
            }
            Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::RunEnded
            | Self::LeaseLost
            | Self::Invalid(_)
            | Self::InvalidCursor
            | Self::Database(_)
            | Self::Corrupt(_) => false,
        }
    }

    /// The name of the constraint that a statement broke.
    pub(crate) fn constraint(&self) -> Option<&str> {
        let Self::Database(error) = self else {
            return None;
        };
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::constraint)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) {
            Self::Unavailable(Arc::new(error))
        } else {
            Self::Database(Arc::new(error))
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        let conflict = |code| Self::Conflict {
            code,
            message: rejected.to_string(),
        };
        match rejected {
            Rejected::Ended => Self::RunEnded,
            Rejected::Cancelling => conflict("run_cancelling"),
            Rejected::Lost => conflict("run_lost"),
            Rejected::NotPaused => conflict("not_paused"),
            Rejected::NotFailed => conflict("not_failed"),
            Rejected::NotCurrent { .. } => conflict("not_current"),
            Rejected::TooManySignals { .. } => conflict("too_many_signals"),
            Rejected::AlreadyStarted | Rejected::NotStarted | Rejected::UnknownStep(_) => {
                Self::Corrupt(rejected.to_string())
            }
        }
    }
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()?
        .code()
        .map(|code| code.into_owned())
}

/// Lost connections, an exhausted pool, and the SQLSTATE classes that say "not now":
/// connection (08), rollback (40), resources (53), lock not available (55P03),
/// operator intervention (57) and an expired session (25P03).
fn is_transient(error: &sqlx::Error) -> bool {
    let Some(database) = error.as_database_error() else {
        return matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
    };
    let code = database.code().unwrap_or_default();
    ["08", "40", "53", "57"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code.as_ref(), "55P03" | "25P03")
}
