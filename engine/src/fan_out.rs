//! The pure parts of `each`: what its items are given, how many may run, and what becomes of one.
//!
//! The items' jobs and the counters are rows of the caller's. The run's state is neither loaded
//! nor written for a single item, so ten thousand of them cost no more than their rows.

use std::time::Duration;

use mobius_types::JsonObject;

use crate::{
    advance::current,
    budget::Budget,
    definition::Definition,
    event::{JobError, JobRef, RetryProgress},
    expression::Fault,
    failure::{EXPRESSION_ERROR, LEASE_EXPIRED, normalise},
    retry,
    run::{Limits, Run},
    scope::{RunObject, Scope},
    state::RunState,
    steps::{
        action::ActionStep,
        each::{EachStep, INDEX},
    },
    waiting::Waiting,
};

/// The counters of a fan-out, kept in a row of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FanOut {
    /// How many items there are.
    pub items: u32,
    /// How many of them have a job.
    pub created: u32,
    /// How many jobs were made claimable, those that have ended included.
    pub released: u32,
    /// How many items have succeeded.
    pub completed: u32,
    /// How many items have failed for good.
    pub failed: u32,
    /// How many jobs may be claimable or claimed at the same time.
    pub max_concurrency: Option<u32>,
    /// How many items may fail.
    pub max_failures: u32,
}

/// How far a fan-out has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FanOutProgress {
    /// Items are still to end.
    Going,
    /// Every item has ended, and no more failed than may.
    Completed,
    /// More items failed than may.
    Failed,
}

impl FanOut {
    /// How many more jobs may become claimable now.
    #[must_use]
    pub fn to_release(&self) -> u32 {
        let held_back = self.created.saturating_sub(self.released);
        let ended = self.completed.saturating_add(self.failed);
        let active = self.released.saturating_sub(ended);
        let room = self.max_concurrency.unwrap_or(u32::MAX);
        held_back.min(room.saturating_sub(active))
    }

    /// Whether it goes on.
    #[must_use]
    pub fn progress(&self) -> FanOutProgress {
        if self.failed > self.max_failures {
            FanOutProgress::Failed
        } else if self.completed.saturating_add(self.failed) >= self.items {
            FanOutProgress::Completed
        } else {
            FanOutProgress::Going
        }
    }
}

/// What happened to the job of one item.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemEvent {
    /// The action succeeded.
    Succeeded,
    /// An attempt failed or took too long.
    Failed {
        /// Why.
        error: JobError,
        /// How far the item's retries have come.
        progress: RetryProgress,
        /// The number of the attempt that failed, rescued ones included.
        attempt: i32,
        /// A random number in [0, 1), for the retry delay.
        jitter: f64,
    },
    /// The control plane can't run an attempt, and another one would not help.
    Refused {
        /// Why.
        error: JobError,
    },
    /// A worker was not heard of in time.
    LeaseExpired {
        /// How often the job was rescued before.
        rescues: i32,
    },
}

/// What becomes of the job of one item.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemDecision {
    /// It has succeeded.
    Complete,
    /// It waits for another attempt.
    Retry {
        /// To be kept beside the job.
        progress: RetryProgress,
        /// How long nobody may claim it.
        delay: Duration,
        /// How long the next attempts may take.
        timeout: Option<Duration>,
        /// How many attempts there may be from now on.
        max_attempts: i32,
        /// Why the attempt failed.
        error: JobError,
    },
    /// It is claimable again at once; see [`crate::Action::RescueJob`].
    Rescue,
    /// It has failed for good.
    Fail {
        /// Why.
        error: JobError,
    },
}

/// Decides what becomes of the job of one item, by the retry policies of its step.
#[must_use]
pub fn settle_item(
    definition: &Definition,
    step: &str,
    limits: &Limits,
    event: ItemEvent,
) -> ItemDecision {
    match event {
        ItemEvent::Succeeded => ItemDecision::Complete,
        ItemEvent::Failed {
            error,
            progress,
            attempt,
            jitter,
        } => {
            let error = normalise(error);
            let action = definition.step_named(step);
            let action = action.and_then(|step| step.kind.as_action());
            let policies = action.map_or(&[][..], |action| &action.retry);
            match retry::decide(policies, &error.kind, progress) {
                Some(retry) => ItemDecision::Retry {
                    progress: retry.progress,
                    delay: retry.policy.delay(retry.progress.retries, jitter),
                    timeout: retry.policy.timeout,
                    max_attempts: attempt.saturating_add(retry.remaining),
                    error,
                },
                None => ItemDecision::Fail { error },
            }
        }
        ItemEvent::Refused { error } => ItemDecision::Fail {
            error: normalise(error),
        },
        ItemEvent::LeaseExpired { rescues } if rescues < limits.max_rescues => ItemDecision::Rescue,
        ItemEvent::LeaseExpired { .. } => ItemDecision::Fail {
            error: lease_expired(limits),
        },
    }
}

/// The error of a job that too many workers in a row have lost.
pub(crate) fn lease_expired(limits: &Limits) -> JobError {
    let times = limits.max_rescues.saturating_add(1);
    let message = format!("no worker finished the job or was heard of in time, {times} times over");
    JobError::of(LEASE_EXPIRED, message)
}

/// Some of the items of a fan-out.
#[derive(Clone, PartialEq, Debug)]
pub struct MadeItems {
    /// Their parameters, in order.
    pub parameters: Vec<JsonObject>,
    /// How much of what one transaction may spend on expressions they took, of
    /// [`Self::ALL_WORK`] parts.
    pub work: u32,
}

impl MadeItems {
    /// All that one transaction may spend on expressions.
    pub const ALL_WORK: u32 = 1_000;
}

/// The parameters of the items `from..from + count` of the fan-out that the branch is at.
///
/// May give fewer when these take much work, but at least one: ask again from there. The same
/// whenever it is called and however the items are divided, because the branch's variables do not
/// change while it waits, and each item has an allowance of its own.
///
/// # Errors
/// The items or their parameters can't be evaluated: report [`crate::Event::FanOutRefused`].
pub fn fan_out_items(
    run: &Run<'_>,
    state: &RunState,
    job: &JobRef,
    from: u32,
    count: u32,
) -> Result<MadeItems, JobError> {
    let (action, each) = current_each(run, state, job).ok_or_else(|| {
        let message = format!("branch `{}` is not at such a step", job.branch);
        JobError::of(EXPRESSION_ERROR, message)
    })?;
    let branch = &state.branches[&job.branch];
    let run_object = RunObject::new(run.facts);
    let mut allowance = Budget::of_step();
    let scope = Scope::new(run.inputs, branch.variables.values(), &run_object);
    let items = each.items(&scope, &mut allowance);
    let items = items.map_err(|fault| error_of(fault, "the items"))?;
    let mut variables = branch.variables.values().clone();
    let mut made = Vec::new();
    let mut chunk = Budget::default();
    chunk
        .absorb(&allowance)
        .expect("one step may take less than a transition");
    for index in from..from.saturating_add(count) {
        let mut allowance = Budget::of_step();
        let failed = |fault| error_of(fault, &format!("item {index}"));
        let Some(item) = items.get(index as usize, &mut allowance).map_err(failed)? else {
            break;
        };
        variables.insert(each.bind.clone(), item);
        variables.insert(INDEX.to_owned(), index.into());
        let scope = Scope::new(run.inputs, &variables, &run_object);
        let parameters = action.parameters(&scope, &mut allowance);
        made.push(parameters.map_err(failed)?);
        if chunk.absorb(&allowance).is_err() {
            break;
        }
    }
    Ok(MadeItems {
        parameters: made,
        work: chunk.spent_of(MadeItems::ALL_WORK),
    })
}

fn current_each<'a>(
    run: &Run<'a>,
    state: &RunState,
    job: &JobRef,
) -> Option<(&'a ActionStep, &'a EachStep)> {
    let (step, waits) = current(run, state, job)?;
    let action = step.kind.as_action()?;
    let is_fan_out = matches!(waits, Waiting::FanOut { .. });
    Some((action, action.each.as_ref().filter(|_| is_fan_out)?))
}

fn error_of(fault: Fault, what: &str) -> JobError {
    let message = match fault {
        Fault::Failed(message) => format!("{what}: {message}"),
        Fault::Exhausted => format!("{what}: the parameters take too much time or memory"),
    };
    JobError::of(EXPRESSION_ERROR, message)
}
