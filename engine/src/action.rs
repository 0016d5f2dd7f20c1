//! What a transition asks for. The caller carries all of it out in the transaction that stores
//! the new state, in the given order, or none of it.

use std::time::Duration;

use mobius_types::{JsonObject, SignalId, Timestamp, WorkflowInteractionConfig};

use crate::event::{JobError, JobRef, RetryProgress};

/// A step execution for a worker or for the control plane.
#[derive(Clone, PartialEq, Debug)]
pub struct NewJob {
    /// Which step execution; unique in the run.
    pub job: JobRef,
    /// The step's name.
    pub step: String,
    /// The action to run.
    pub action: String,
    /// What the action is given, with its expressions evaluated.
    pub parameters: JsonObject,
    /// How long one attempt may take, until a retry says otherwise.
    pub timeout: Option<Duration>,
    /// How many attempts there may be; grows with rescues.
    pub max_attempts: i32,
    /// Whether only the control plane may claim it.
    pub server: bool,
}

/// A step execution that is a job for each of several items.
#[derive(Clone, PartialEq, Debug)]
pub struct NewFanOut {
    /// Which step execution; unique in the run.
    pub job: JobRef,
    /// The step's name.
    pub step: String,
    /// The action that each item's job runs.
    pub action: String,
    /// Whether only the control plane may claim the items' jobs.
    pub server: bool,
    /// How many items there are, at least one.
    pub items: u32,
    /// How many of the items' jobs may be claimable or claimed at the same time.
    pub max_concurrency: Option<u32>,
    /// How many items may fail before the step does.
    pub max_failures: u32,
    /// Whether the results of the items are asked for.
    pub stores_results: bool,
    /// How long one attempt of an item may take, until a retry says otherwise.
    pub timeout: Option<Duration>,
    /// How many attempts each item may have; grows with rescues.
    pub max_attempts: i32,
}

/// A question to a person or a group.
#[derive(Clone, PartialEq, Debug)]
pub struct NewInteraction {
    /// Which step execution asks. A retry of the run may ask again under the same one.
    pub job: JobRef,
    /// The step's name.
    pub step: String,
    /// What is asked, with the expressions of `message` and `context` evaluated.
    pub config: Box<WorkflowInteractionConfig>,
    /// When it is too late for an answer.
    pub expires_at: Timestamp,
}

/// One thing to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// A new job waits for a worker.
    EnqueueJob(NewJob),
    /// The jobs of an `each` step are to be made, in chunks; see [`crate::fan_out_items`].
    FanOut(NewFanOut),
    /// On a retry of the run: items that did not complete run again with a fresh retry budget,
    /// those that completed stay, and those that were never made are made.
    RestartFanOut {
        /// Which step execution.
        job: JobRef,
    },
    /// The items of an `each` step that have not ended stop.
    StopFanOut {
        /// Which step execution.
        job: JobRef,
    },
    /// [`crate::Event::TimerFired`] is to be reported at this time. A step execution has at most
    /// one timer at a time.
    StartTimer {
        /// Which step execution.
        job: JobRef,
        /// When.
        fires_at: Timestamp,
    },
    /// The timer is not needed any more.
    StopTimer {
        /// Which step execution.
        job: JobRef,
    },
    /// The signal is consumed.
    ConsumeSignal {
        /// Which signal.
        signal: SignalId,
        /// The step execution that got it.
        job: JobRef,
    },
    /// Somebody is to be asked. Its timer comes as a [`Action::StartTimer`] of its own.
    OpenInteraction(NewInteraction),
    /// It is too late for an answer.
    CloseInteraction {
        /// Which step execution.
        job: JobRef,
    },
    /// The job has succeeded.
    CompleteJob {
        /// Which.
        job: JobRef,
    },
    /// The job waits for another attempt.
    RetryJob {
        /// Which.
        job: JobRef,
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
    /// The job is claimable again at once. The caller counts the rescue, and adds one to the
    /// job's `max_attempts`: a lost worker costs no retry.
    RescueJob {
        /// Which.
        job: JobRef,
    },
    /// The job has failed for good.
    FailJob {
        /// Which.
        job: JobRef,
        /// Why.
        error: JobError,
    },
    /// Every job, timer, open interaction and fan-out of the run that has not ended: pending and
    /// held back jobs end, claimed ones are told to cancel, timers are dropped, interactions close.
    StopJobs,
    /// The run has succeeded.
    CompleteRun {
        /// The declared outputs by name.
        result: JsonObject,
    },
    /// The run has failed.
    FailRun {
        /// Why; the message names the step.
        error: JobError,
    },
}

/// What follows from an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Transition {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// Whether the run's state is another one than before.
    pub moved: bool,
}
