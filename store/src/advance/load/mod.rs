//! Locks and loads what a batch of inputs works on: first the runs, then their jobs, then what
//! only some inputs need.

mod child_parameters;
mod children;
mod fan_outs;
mod interactions;
mod jobs;
mod runs;
mod state;
mod wanted;

pub(super) use children::{ChildOutcome, ChildStart, child_outcomes, child_starts, invalid};
pub(super) use fan_outs::{fan_outs, result_bytes, results};
pub(super) use interactions::{OpenInteraction, open_interactions};
pub(super) use jobs::{
    LockedJob, MAX_STOPPED, Replays, count_live_jobs, lock_jobs, reported_attempts,
};
pub(crate) use runs::LockedRun;
pub(super) use runs::{BareRun, MAX_BYTES, load_signals, lock_runs, too_large};
use state::StoredState;
pub(super) use wanted::Wanted;
