//! Moves runs on: the one place where what happens to a run changes it.
//!
//! Ends of jobs, timers, signals, answers and what operators ask for all come through here. The
//! runs are locked first, then the jobs are read; so two things that happen to one run at the same
//! time are seen one after the other, and each counts exactly once. The engine decides what
//! follows; nothing here knows a workflow's meaning.

mod apply;
mod changes;
mod ending;
mod frames;
mod input;
mod ledger;
mod load;
mod operate;
mod persist;
mod settle;

use std::time::Duration;

use mobius_engine::Limits;
use mobius_types::ProjectId;
use sqlx::PgConnection;

use crate::{Error, Specs, batch::Outcomes};
pub use ending::{Ending, Outcome, Settlement};
pub use input::Answer;
pub(crate) use input::Input;
pub(crate) use ledger::Ledger;
pub(crate) use load::LockedRun;
use load::Wanted;

/// What an input made claimable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// When the first of its jobs can be claimed by a worker, counted from now; `None` when there
    /// is none.
    pub(crate) claimable_in: Option<Duration>,
}

/// Deals with the inputs in order, in one transaction. Returns what became of each.
///
/// `jitter` gives numbers that are uniform in [0, 1).
pub(crate) async fn advance_batch(
    connection: &mut PgConnection,
    specs: &Specs,
    limits: &Limits,
    project: ProjectId,
    inputs: &[Input],
    jitter: fn() -> f64,
) -> Result<Outcomes<Moved>, Error> {
    let wanted = Wanted::of(inputs);
    let (now, runs) = load::lock_runs(connection, specs, project, &wanted).await?;
    let mut ledger = Ledger::new(now, limits);
    ledger.runs = runs;
    ledger.jobs = load::lock_jobs(connection, project, &wanted).await?;
    ledger.replays = load::reported_attempts(connection, project, inputs, &ledger.jobs).await?;
    ledger.interactions = load::open_interactions(connection, project, &wanted).await?;
    load::load_signals(connection, project, &mut ledger.runs).await?;
    let outcomes = inputs
        .iter()
        .map(|input| ledger.take(input, jitter))
        .collect();
    ledger.write(connection, project).await?;
    Ok(outcomes)
}

/// A duration in the unit of the database's columns, rounded up: the shortest timeout is not none.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
