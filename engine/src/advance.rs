//! The state machine of a run: what follows from an event.
//!
//! | event \ run      | new      | live                                  | ended          |
//! |------------------|----------|---------------------------------------|----------------|
//! | started          | first step | rejected                            | rejected       |
//! | job succeeded    | rejected | complete the job, follow the edges    | complete the job |
//! | job failed       | rejected | retry, or fail the job: catch or fail the run | fail the job |
//! | lease expired    | rejected | rescue, or fail the job: catch or fail the run | fail the job |
//!
//! An event about a job that is not its branch's current one is rejected, and changes nothing.

use mobius_types::Timestamp;
use serde_json::Value;

use crate::{
    action::{Action, Transition},
    event::{Event, JobError, JobRef, RetryProgress},
    failure::{LEASE_EXPIRED, normalise},
    fan_out::lease_expired,
    retry,
    run::Run,
    state::{Branch, Phase},
    steps::{Step, StepKind},
    turn::Turn,
};

/// Why an event does not apply. Nothing has changed, and nothing is to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The run was started before.
    #[error("the run was started already")]
    AlreadyStarted,
    /// The run was not started yet.
    #[error("the run was not started yet")]
    NotStarted,
    /// The job was a step execution that its branch has left behind.
    #[error("step execution {visit} of branch `{branch}` is not its current one")]
    NotCurrent {
        /// The branch that the event named.
        branch: String,
        /// The step execution that the event named.
        visit: i32,
    },
    /// The run has ended, or is about to because it was cancelled.
    #[error("the run has ended")]
    Ended,
    /// No branch of the run is at a pause.
    #[error("the run is not paused")]
    NotPaused,
    /// Only failed runs can be retried.
    #[error("the run has not failed")]
    NotFailed,
    /// The signal would have to be stored, and there is no room.
    #[error("the run has {count} signals of {bytes} bytes that nothing has consumed yet")]
    TooManySignals {
        /// How many signals wait to be consumed.
        count: u32,
        /// How large they are together, written as JSON.
        bytes: u64,
    },
    /// The state was not made with this definition.
    #[error("the state names step {0}, which the definition does not have")]
    UnknownStep(usize),
}

/// Decides what follows from an event: the new state, and what to do.
///
/// The same run and event always give the same transition. `_now` is for steps that wait for a
/// time, of which this version has none.
///
/// # Errors
/// The event does not apply to the run; see [`Rejected`].
pub fn advance(run: &Run<'_>, event: Event, _now: Timestamp) -> Result<Transition, Rejected> {
    match (run.state.phase, event) {
        (Phase::New, Event::Started) => {
            let mut turn = Turn::new(run);
            turn.start();
            Ok(turn.finish())
        }
        (Phase::Live | Phase::Completed | Phase::Failed, Event::Started) => {
            Err(Rejected::AlreadyStarted)
        }
        (
            Phase::New,
            Event::JobSucceeded { .. } | Event::JobFailed { .. } | Event::LeaseExpired { .. },
        ) => Err(Rejected::NotStarted),
        (Phase::Completed | Phase::Failed, Event::JobSucceeded { job, .. }) => {
            Ok(only(run, Action::CompleteJob { job }))
        }
        (Phase::Completed | Phase::Failed, Event::JobFailed { job, error, .. }) => {
            let error = normalise(error);
            Ok(only(run, Action::FailJob { job, error }))
        }
        (Phase::Completed | Phase::Failed, Event::LeaseExpired { job, .. }) => {
            let error = JobError::of(LEASE_EXPIRED, "the worker was lost after the run had ended");
            Ok(only(run, Action::FailJob { job, error }))
        }
        (Phase::Live, Event::JobSucceeded { job, result }) => succeeded(run, job, result),
        (
            Phase::Live,
            Event::JobFailed {
                job,
                error,
                progress,
                attempt,
                jitter,
            },
        ) => failed(
            run,
            job,
            normalise(error),
            &Attempt {
                progress,
                attempt,
                jitter,
            },
        ),
        (Phase::Live, Event::LeaseExpired { job, rescues }) => lost(run, job, rescues),
        // What follows is declared for the caller, and applies to no step yet.
        (
            _,
            Event::FanOutCompleted { job, .. }
            | Event::FanOutFailed { job, .. }
            | Event::TimerFired { job }
            | Event::InteractionAnswered { job, .. },
        ) => Err(Rejected::NotCurrent {
            branch: job.branch,
            visit: job.visit,
        }),
        (_, Event::SignalReceived { .. } | Event::Resumed | Event::CancelRequested { .. }) => {
            Err(Rejected::Ended)
        }
        (_, Event::RetryRequested { .. }) => Err(Rejected::NotFailed),
    }
}

/// What is known of the attempt that failed.
struct Attempt {
    progress: RetryProgress,
    attempt: i32,
    jitter: f64,
}

fn succeeded(run: &Run<'_>, job: JobRef, result: Value) -> Result<Transition, Rejected> {
    let (step, _) = current(run, &job)?;
    let StepKind::Action(action) = &step.kind;
    let mut turn = Turn::new(run);
    let branch = job.branch.clone();
    turn.push(Action::CompleteJob { job });
    turn.leave(branch, action.store.as_deref(), result);
    Ok(turn.finish())
}

fn failed(
    run: &Run<'_>,
    job: JobRef,
    error: JobError,
    attempt: &Attempt,
) -> Result<Transition, Rejected> {
    let (step, _) = current(run, &job)?;
    let StepKind::Action(action) = &step.kind;
    let Some(retry) = retry::decide(&action.retry, &error.kind, attempt.progress) else {
        return Ok(gave_up(run, job, error));
    };
    Ok(only(
        run,
        Action::RetryJob {
            job,
            progress: retry.progress,
            delay: retry.policy.delay(retry.progress.retries, attempt.jitter),
            timeout: retry.policy.timeout,
            max_attempts: attempt.attempt.saturating_add(retry.remaining),
            error,
        },
    ))
}

fn lost(run: &Run<'_>, job: JobRef, rescues: i32) -> Result<Transition, Rejected> {
    current(run, &job)?;
    if rescues < run.limits.max_rescues {
        return Ok(only(run, Action::RescueJob { job }));
    }
    Ok(gave_up(run, job, lease_expired(run.limits)))
}

/// The job has failed for good: a clause catches that, or the run fails, too.
fn gave_up(run: &Run<'_>, job: JobRef, error: JobError) -> Transition {
    let mut turn = Turn::new(run);
    let branch = job.branch.clone();
    turn.push(Action::FailJob {
        job,
        error: error.clone(),
    });
    turn.fail_step(branch, error);
    turn.finish()
}

/// The branch and step of a job, if the branch is still at it.
fn current<'a>(run: &Run<'a>, job: &JobRef) -> Result<(&'a Step, &'a Branch), Rejected> {
    let branch = run.state.branches.get(&job.branch);
    let branch = branch
        .filter(|branch| branch.visit == job.visit)
        .ok_or_else(|| Rejected::NotCurrent {
            branch: job.branch.clone(),
            visit: job.visit,
        })?;
    let step = run.definition.steps.get(branch.step);
    let step = step.ok_or(Rejected::UnknownStep(branch.step))?;
    Ok((step, branch))
}

/// A transition that leaves the state as it is.
fn only(run: &Run<'_>, action: Action) -> Transition {
    Transition {
        state: run.state.clone(),
        actions: vec![action],
    }
}
