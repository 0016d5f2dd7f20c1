//! What a transition asks for. The caller carries all of it out in the transaction that stores
//! the new state, in the given order, or none of it.

use std::time::Duration;

use mobius_types::JsonObject;

use crate::{
    event::{JobError, JobRef, RetryProgress},
    state::RunState,
};

/// A step execution for a worker.
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
}

/// One thing to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// A new job waits for a worker.
    EnqueueJob(NewJob),
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
    /// Every job of the run that has not ended: pending ones end, claimed ones are told to cancel.
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
    /// The run's new state.
    pub state: RunState,
    /// What to do, in order.
    pub actions: Vec<Action>,
}
