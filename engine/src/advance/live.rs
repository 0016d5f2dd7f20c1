//! What follows from an event in a run that goes on.

use mobius_types::Timestamp;
use serde_json::Value;

use super::Rejected;
use crate::{
    action::Action,
    event::{Event, JobError, JobRef, RetryProgress},
    failure::{TIMEOUT, normalise},
    fan_out::lease_expired,
    retry,
    run::Run,
    state::{Branch, Phase, RunState},
    steps::{Step, StepKind},
    turn::Turn,
    waiting::Waiting,
};

/// What is known of the attempt that failed.
struct Attempt {
    progress: RetryProgress,
    attempt: i32,
    jitter: f64,
}

pub(super) fn advance(
    run: &Run<'_>,
    state: &mut RunState,
    event: Event,
    now: Timestamp,
) -> Result<Vec<Action>, Rejected> {
    let mut turn = Turn::new(run, state, now);
    match event {
        Event::Started => return Err(Rejected::AlreadyStarted),
        Event::JobSucceeded { job, result } => succeeded(run, &mut turn, job, result),
        Event::JobFailed {
            job,
            error,
            progress,
            attempt,
            jitter,
        } => {
            let attempt = Attempt {
                progress,
                attempt,
                jitter,
            };
            job_failed(run, &mut turn, job, normalise(error), &attempt);
        }
        Event::JobRefused { job, error } => refused(run, &mut turn, job, normalise(error)),
        Event::LeaseExpired { job, rescues } => lost(run, &mut turn, job, rescues),
        Event::FanOutCompleted { job, results } => {
            let store = fan_out(run, turn.state, &job)?;
            turn.leave(&job.branch, store, results);
        }
        Event::FanOutFailed { job, error } => {
            fan_out(run, turn.state, &job)?;
            turn.push(Action::StopFanOut { job: job.clone() });
            turn.fail_step(&job.branch, normalise(error));
        }
        Event::FanOutRefused { job, error } => {
            fan_out(run, turn.state, &job)?;
            turn.push(Action::StopFanOut { job: job.clone() });
            turn.refuse_step(&job.branch, normalise(error));
        }
        Event::TimerFired { job } => timer_fired(run, &mut turn, job)?,
        Event::SignalReceived { signal } => turn.signal(&signal)?,
        Event::InteractionAnswered { job, response } => {
            answered(run, &mut turn, job, response)?;
        }
        Event::Resumed => {
            if !turn.resume() {
                return Err(Rejected::NotPaused);
            }
        }
        Event::CancelRequested { reason, claimed: 0 } => turn.cancel(reason),
        Event::CancelRequested { reason, claimed } => {
            // Workers are told to stop, and the run ends when the last of them has answered or was
            // lost.
            turn.push(Action::StopJobs);
            turn.state.phase = Phase::Cancelling { reason, claimed };
        }
        Event::RetryRequested { .. } => return Err(Rejected::NotFailed),
    }
    Ok(turn.finish())
}

fn succeeded(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef, result: Value) {
    turn.push(Action::CompleteJob { job: job.clone() });
    if let Some((step, Waiting::Job)) = current(run, turn.state, &job) {
        turn.leave(&job.branch, store(step), result);
    }
}

/// The variable that takes the result.
fn store(step: &Step) -> Option<&str> {
    step.kind.as_action()?.store.as_deref()
}

fn job_failed(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef, error: JobError, attempt: &Attempt) {
    let policies = match current(run, turn.state, &job) {
        Some((step, Waiting::Job)) => {
            let action = step.kind.as_action();
            action.map_or(&[][..], |action| &action.retry)
        }
        // Nothing waits for another attempt.
        Some(_) | None => &[],
    };
    let Some(retry) = retry::decide(policies, &error.kind, attempt.progress) else {
        return give_up(run, turn, job, error);
    };
    turn.push(Action::RetryJob {
        job,
        progress: retry.progress,
        delay: retry.policy.delay(retry.progress.retries, attempt.jitter),
        timeout: retry.policy.timeout,
        max_attempts: attempt.attempt.saturating_add(retry.remaining),
        error,
    });
}

fn lost(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef, rescues: i32) {
    let is_current = matches!(current(run, turn.state, &job), Some((_, Waiting::Job)));
    if is_current && rescues < run.limits.max_rescues {
        return turn.push(Action::RescueJob { job });
    }
    give_up(run, turn, job, lease_expired(run.limits));
}

/// The job has failed for good. If the branch is still at it, a clause catches that, or the run
/// fails, too.
fn give_up(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef, error: JobError) {
    turn.push(Action::FailJob {
        job: job.clone(),
        error: error.clone(),
    });
    if let Some((_, Waiting::Job)) = current(run, turn.state, &job) {
        turn.fail_step(&job.branch, error);
    }
}

/// The job has failed without having run.
fn refused(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef, error: JobError) {
    turn.push(Action::FailJob {
        job: job.clone(),
        error: error.clone(),
    });
    if let Some((_, Waiting::Job)) = current(run, turn.state, &job) {
        turn.refuse_step(&job.branch, error);
    }
}

/// The variable that takes the results of the fan-out that the branch is at.
fn fan_out<'a>(run: &Run<'a>, state: &RunState, job: &JobRef) -> Result<Option<&'a str>, Rejected> {
    match current(run, state, job) {
        Some((step, Waiting::FanOut { .. })) => Ok(store(step)),
        Some(_) | None => Err(not_current(job)),
    }
}

fn timer_fired(run: &Run<'_>, turn: &mut Turn<'_>, job: JobRef) -> Result<(), Rejected> {
    let Some((step, waits)) = current(run, turn.state, &job) else {
        return Err(not_current(&job));
    };
    let branch = job.branch.clone();
    let reason = match waits {
        Waiting::Time { .. } => {
            turn.leave(&branch, None, Value::Null);
            return Ok(());
        }
        Waiting::Signal { name, timeout, .. } => {
            format!("no signal `{name}` came within {timeout}")
        }
        Waiting::Answer { timeout, .. } => {
            let reason = format!("nobody answered within {timeout}");
            turn.push(Action::CloseInteraction { job });
            reason
        }
        Waiting::Job
        | Waiting::FanOut { .. }
        | Waiting::Resume
        | Waiting::Join { .. }
        | Waiting::Retry => return Err(not_current(&job)),
    };
    match step.kind.on_timeout() {
        Some(step) => turn.turn_to(&branch, step),
        None => turn.fail_step(&branch, JobError::of(TIMEOUT, reason)),
    }
    Ok(())
}

fn answered(
    run: &Run<'_>,
    turn: &mut Turn<'_>,
    job: JobRef,
    response: Value,
) -> Result<(), Rejected> {
    let Some((step, Waiting::Answer { .. })) = current(run, turn.state, &job) else {
        return Err(not_current(&job));
    };
    let StepKind::Interaction(interaction) = &step.kind else {
        return Err(not_current(&job));
    };
    let branch = job.branch.clone();
    turn.push(Action::StopTimer { job });
    turn.leave(&branch, Some(interaction.store(&step.name)), response);
    Ok(())
}

/// The step of a step execution and what its branch waits for, if the branch is still at it.
pub(crate) fn current<'a, 's>(
    run: &Run<'a>,
    state: &'s RunState,
    job: &JobRef,
) -> Option<(&'a Step, &'s Waiting)> {
    let branch: &Branch = state.branches.get(&job.branch)?;
    let step = run.definition.steps.get(branch.step)?;
    (branch.visit == job.visit).then_some((step, &branch.waits))
}

fn not_current(job: &JobRef) -> Rejected {
    Rejected::NotCurrent {
        branch: job.branch.clone(),
        visit: job.visit,
    }
}
