//! Moves runs on: the one place where what happens to a run changes it.
//!
//! Ends of jobs, timers, signals, answers and what operators ask for all come through here. The
//! runs are locked first, then the jobs are read; so two things that happen to one run at the same
//! time are seen one after the other, and each counts exactly once. The engine decides what
//! follows; nothing here knows a workflow's meaning.

mod apply;
mod changes;
mod children;
mod ending;
mod fan_outs;
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
pub(crate) use children::cancel;
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

/// Deals with the inputs in one transaction: first with those about items of fan-outs, which only
/// change counters, then with the others in order. Returns what became of each, and what has to be
/// done in transactions of its own after this one; should nobody do that, loops of the scheduler
/// find it.
///
/// `jitter` gives numbers that are uniform in [0, 1).
pub(crate) async fn advance_batch(
    connection: &mut PgConnection,
    specs: &Specs,
    limits: &Limits,
    project: ProjectId,
    inputs: &[Input],
    jitter: fn() -> f64,
) -> Result<(Outcomes<Moved>, Vec<Input>), Error> {
    let wanted = Wanted::of(inputs);
    let locked = load::lock_runs(connection, specs, project, &wanted).await?;
    let mut ledger = Ledger::new(locked.now, limits);
    ledger.runs = locked.whole;
    ledger.bare = locked.bare;
    ledger.jobs = load::lock_jobs(connection, project, &wanted).await?;
    ledger.replays = load::reported_attempts(connection, project, inputs, &ledger.jobs).await?;
    ledger.interactions = load::open_interactions(connection, project, &wanted).await?;
    load::load_signals(connection, project, &mut ledger.runs).await?;
    ledger.fan_outs = load::fan_outs(connection, project, &wanted, &ledger.jobs).await?;
    ledger.child_starts = load::child_starts(connection, specs, project, &wanted).await?;
    ledger.child_outcomes = load::child_outcomes(connection, project, &wanted).await?;
    ledger.end_lost();
    let items = ledger.take_items(inputs, jitter);
    ledger.end_fan_outs(connection, specs, project).await?;
    let outcomes = inputs
        .iter()
        .zip(items)
        .map(|(input, taken)| taken.unwrap_or_else(|| ledger.take(input, jitter)))
        .collect();
    // A retried run may have one whose items have all completed by now.
    ledger.end_fan_outs(connection, specs, project).await?;
    let next = ledger.write(connection, project).await?;
    Ok((outcomes, next))
}

/// A duration in the unit of the database's columns, rounded up: the shortest timeout is not none.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
