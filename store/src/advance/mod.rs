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
mod hand_off;
mod input;
mod ledger;
mod load;
mod operate;
mod persist;
mod settle;

use std::{collections::BTreeSet, time::Duration};

use mobius_engine::Limits;
use mobius_types::ProjectId;
use sqlx::PgConnection;

use crate::{
    Error, Specs,
    batch::Outcomes,
    hand_off::{HandOff, Takers},
    jobs::LeaseTerms,
};
pub(crate) use children::cancel;
pub use ending::{Ending, Outcome, Settlement};
pub(crate) use frames::{JobFrame, shown};
pub use input::Answer;
pub(crate) use input::Input;
pub(crate) use ledger::Ledger;
pub(crate) use load::LockedRun;
use load::Wanted;

/// What a batch works with beside its transaction.
pub(crate) struct Means<'m> {
    pub(crate) specs: &'m Specs,
    pub(crate) limits: &'m Limits,
    pub(crate) terms: LeaseTerms,
    pub(crate) takers: &'m Takers,
}

/// What is to be done once a batch has been committed.
#[derive(Default)]
pub(crate) struct Aftermath {
    /// Transactions that follow from it; should nobody do them, loops of the scheduler find them.
    pub(crate) next: Vec<Input>,
    /// When jobs that it left waiting can be claimed, counted from now.
    pub(crate) claimable_in: BTreeSet<Duration>,
    /// Whether the history says more than before.
    pub(crate) has_events: bool,
    /// Jobs that waiting workers took.
    pub(crate) hand_off: HandOff,
}

/// Deals with the inputs in one transaction: first with those about items of fan-outs, which only
/// change counters, then with the others in order. Returns what became of each, and what is to be done
/// after the commit.
///
/// `jitter` gives numbers that are uniform in [0, 1).
pub(crate) async fn advance_batch(
    connection: &mut PgConnection,
    means: &Means<'_>,
    project: ProjectId,
    inputs: &[Input],
    jitter: fn() -> f64,
) -> Result<(Outcomes<()>, Aftermath), Error> {
    let (wanted, specs) = (Wanted::of(inputs), means.specs);
    let locked = load::lock_runs(connection, specs, project, &wanted).await?;
    let mut ledger = Ledger::new(locked.now, project, means.limits);
    ledger.pause(locked.paused);
    ledger.is_shared = inputs.len() > 1;
    ledger.share_room(wanted.fan_outs());
    ledger.runs = locked.whole;
    ledger.bare = locked.bare;
    ledger.jobs = load::lock_jobs(connection, project, &wanted).await?;
    ledger.replays = load::reported_attempts(connection, project, inputs, &ledger.jobs).await?;
    ledger.interactions = load::open_interactions(connection, project, &wanted).await?;
    load::load_signals(connection, project, &mut ledger.runs).await?;
    ledger.fan_outs = load::fan_outs(connection, project, &wanted, &ledger.jobs).await?;
    ledger.child_starts =
        load::child_starts(connection, (specs, means.limits), project, &wanted).await?;
    ledger.child_outcomes =
        load::child_outcomes(connection, project, &wanted, means.limits).await?;
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
    let hand_off = ledger.hand_off(means.takers);
    let aftermath = ledger.finish(connection, project, means.terms, hand_off);
    Ok((outcomes, aftermath.await?))
}

/// A duration in the unit of the database's columns, rounded up: the shortest timeout is not none.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
