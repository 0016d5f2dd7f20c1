//! What follows from an event in a run that has ended, or that only waits for its workers to stop.

use mobius_types::Timestamp;

use super::Rejected;
use crate::{
    action::Action,
    event::{Event, JobError, RetryFrom},
    failure::{CANCELLED, LEASE_EXPIRED, normalise},
    run::Run,
    state::{Phase, RunState},
    turn::Turn,
};

/// Jobs end and are counted. Nothing new begins.
pub(super) fn cancelling(state: &mut RunState, event: Event) -> Result<Vec<Action>, Rejected> {
    let is_repeated = matches!(event, Event::CancelRequested { .. });
    let mut actions = match ended(event) {
        Err(Rejected::Ended) if is_repeated => return Ok(Vec::new()),
        Err(Rejected::Ended) => return Err(Rejected::Cancelling),
        ended => ended?,
    };
    if let Phase::Cancelling { reason, claimed } = &mut state.phase {
        *claimed = claimed.saturating_sub(1);
        if *claimed == 0 {
            let error = JobError::of(CANCELLED, std::mem::take(reason));
            actions.push(Action::FailRun { error });
            state.phase = Phase::Failed;
        }
    }
    Ok(actions)
}

/// The one thing that a failed run can do beyond an ended one is to be retried.
pub(super) fn failed(
    run: &Run<'_>,
    state: &mut RunState,
    event: Event,
    now: Timestamp,
) -> Result<Vec<Action>, Rejected> {
    let Event::RetryRequested { from } = event else {
        return ended(event);
    };
    let mut turn = Turn::new(run, state, now);
    match from {
        RetryFrom::Failure => turn.revive(),
        RetryFrom::Start => turn.restart(),
    }
    Ok(turn.finish())
}

/// Nobody knows where it stood, so it can't be retried either.
pub(super) fn lost(event: Event) -> Result<Vec<Action>, Rejected> {
    if matches!(event, Event::RetryRequested { .. }) {
        return Err(Rejected::Lost);
    }
    ended(event)
}

/// Jobs that workers still held end, and nothing else happens.
pub(super) fn ended(event: Event) -> Result<Vec<Action>, Rejected> {
    match event {
        Event::JobSucceeded { job, .. } => Ok(vec![Action::CompleteJob { job }]),
        Event::JobFailed { job, error, .. } | Event::JobRefused { job, error } => {
            let error = normalise(error);
            Ok(vec![Action::FailJob { job, error }])
        }
        Event::LeaseExpired { job, .. } => {
            let error = JobError::of(LEASE_EXPIRED, "the worker was lost after the run had ended");
            Ok(vec![Action::FailJob { job, error }])
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
