//! Settles ended attempts: the one place where a job's end moves its run on.
//!
//! A worker's report, an expired lease and a spent attempt all come through here. The runs are
//! locked first, then the jobs are read; so two branches that end together are seen one after the
//! other, and each end counts exactly once.

mod frames;
mod ledger;
mod load;
mod persist;

use std::time::Duration;

use mobius_engine::Limits;
use mobius_types::{JobId, ProjectId};
use sqlx::PgConnection;

use super::Fence;
use crate::{Error, Specs, batch::Outcomes};
use ledger::Ledger;

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
}

/// What a worker reports.
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

/// What a settlement made claimable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// When the first of its jobs can be claimed, counted from now; `None` when there is none.
    pub(crate) claimable_in: Option<Duration>,
}

/// Settles the attempts in order, in one transaction. Returns what became of each.
///
/// `jitter` gives numbers that are uniform in [0, 1).
pub(crate) async fn settle_batch(
    connection: &mut PgConnection,
    specs: &Specs,
    limits: &Limits,
    project: ProjectId,
    settlements: &[Settlement],
    jitter: fn() -> f64,
) -> Result<Outcomes<Settled>, Error> {
    let jobs: Vec<_> = settlements
        .iter()
        .map(|settlement| settlement.job.as_uuid())
        .collect();
    let (now, runs) = load::lock_runs(connection, specs, project, &jobs).await?;
    let jobs = load::lock_jobs(connection, project, &jobs).await?;
    let replays = load::reported_attempts(connection, project, settlements, &jobs).await?;
    let mut ledger = Ledger::new(now, limits, runs, jobs, replays);
    let outcomes = settlements
        .iter()
        .map(|settlement| ledger.settle(settlement, jitter))
        .collect();
    persist::write(connection, project, ledger).await?;
    Ok(outcomes)
}

/// A duration in the unit of the database's columns.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
