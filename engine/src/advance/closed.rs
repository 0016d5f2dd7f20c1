//! What follows from an event in a run that has ended, or that only waits for its workers to stop.

use mobius_types::Timestamp;

use super::{Rejected, only};
use crate::{
    action::{Action, Transition},
    event::{Event, JobError, RetryFrom},
    failure::{CANCELLED, LEASE_EXPIRED, normalise},
    run::Run,
    state::Phase,
    turn::Turn,
};

/// Jobs end and are counted. Nothing new begins.
pub(super) fn cancelling(
    run: &Run<'_>,
    event: Event,
    reason: &str,
    claimed: u32,
) -> Result<Transition, Rejected> {
    let is_repeated = matches!(event, Event::CancelRequested { .. });
    let mut transition = match ended(run, event) {
        Err(Rejected::Ended) if is_repeated => {
            return Ok(Transition {
                state: run.state.clone(),
                actions: Vec::new(),
            });
        }
        ended => ended?,
    };
    let claimed = claimed.saturating_sub(1);
    let reason = reason.to_owned();
    transition.state.phase = if claimed > 0 {
        Phase::Cancelling { reason, claimed }
    } else {
        let error = JobError::of(CANCELLED, reason);
        transition.actions.push(Action::FailRun { error });
        Phase::Failed
    };
    Ok(transition)
}

/// The one thing that a failed run can do beyond an ended one is to be retried.
pub(super) fn failed(run: &Run<'_>, event: Event, now: Timestamp) -> Result<Transition, Rejected> {
    let Event::RetryRequested { from } = event else {
        return ended(run, event);
    };
    let mut turn = Turn::new(run, now);
    match from {
        RetryFrom::Failure => turn.revive(),
        RetryFrom::Start => turn.restart(),
    }
    Ok(turn.finish())
}

/// Jobs that workers still held end, and nothing else happens.
pub(super) fn ended(run: &Run<'_>, event: Event) -> Result<Transition, Rejected> {
    match event {
        Event::JobSucceeded { job, .. } => Ok(only(run, Action::CompleteJob { job })),
        Event::JobFailed { job, error, .. } | Event::JobRefused { job, error } => {
            let error = normalise(error);
            Ok(only(run, Action::FailJob { job, error }))
        }
        Event::LeaseExpired { job, .. } => {
            let error = JobError::of(LEASE_EXPIRED, "the worker was lost after the run had ended");
            Ok(only(run, Action::FailJob { job, error }))
        }
        Event::FanOutCompleted { .. }
        | Event::FanOutFailed { .. }
        | Event::FanOutRefused { .. }
        | Event::TimerFired { .. }
        | Event::SignalReceived { .. }
        | Event::InteractionAnswered { .. }
        | Event::Resumed
        | Event::CancelRequested { .. } => Err(Rejected::Ended),
        Event::Started => Err(Rejected::AlreadyStarted),
        Event::RetryRequested { .. } => Err(Rejected::NotFailed),
    }
}
