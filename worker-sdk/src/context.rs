//! What an action knows of the job it runs.
//!
//! Read-only, apart from the shared state that the worker's author put in, and from the events
//! that an action emits.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    sync::Arc,
};

use mobius_types::{JobClaim, JobId, RunId};

use serde::Serialize;

use crate::{
    EmitError,
    cancellation::{CancelReason, Cancellation},
    emit::Emitter,
};

/// The shared values of a worker, one a type.
#[derive(Clone, Default)]
pub(crate) struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(state));
    }

    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let state = self.0.get(&TypeId::of::<T>())?;
        Arc::clone(state).downcast().ok()
    }
}

/// The job that an action runs for, and the signal to stop. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    run_id: RunId,
    job_id: JobId,
    workflow_name: String,
    step_name: String,
    action: String,
    queue: String,
    attempt: i32,
    idempotency_key: String,
    states: Arc<States>,
    cancellation: Cancellation,
    emitter: Emitter,
}

impl Context {
    pub(crate) fn new(
        claim: &JobClaim,
        states: Arc<States>,
        cancellation: Cancellation,
        emitter: Emitter,
    ) -> Self {
        let inner = Inner {
            run_id: claim.run_id,
            job_id: claim.job_id,
            workflow_name: claim.workflow_name.clone(),
            step_name: claim.step_name.clone(),
            action: claim.action.clone(),
            queue: claim.queue.clone(),
            attempt: claim.attempt,
            // A job keeps its id through all attempts, so it serves where the server gave no key.
            idempotency_key: claim
                .idempotency_key
                .clone()
                .unwrap_or_else(|| claim.job_id.to_string()),
            states,
            cancellation,
            emitter,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The run that the job belongs to.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.inner.run_id
    }

    /// The job; the same in every attempt.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        self.inner.job_id
    }

    /// The workflow that the run was started from.
    #[must_use]
    pub fn workflow_name(&self) -> &str {
        &self.inner.workflow_name
    }

    /// The step that the job executes.
    #[must_use]
    pub fn step_name(&self) -> &str {
        &self.inner.step_name
    }

    /// The name under which the action was called.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.inner.action
    }

    /// The queue that the job came from.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.inner.queue
    }

    /// The number of this attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> i32 {
        self.inner.attempt
    }

    /// A key that is the same in every attempt: give it to whatever must not happen twice.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.inner.idempotency_key
    }

    /// Waits until the action should stop. Use it in a `select!` beside the work; an action that
    /// does not listen is dropped a few seconds after the signal.
    pub async fn cancelled(&self) -> CancelReason {
        self.inner.cancellation.cancelled().await
    }

    /// Whether the action should stop; for loops without an await.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel_reason().is_some()
    }

    /// Why the action should stop, once it should.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.inner.cancellation.reason()
    }

    /// Adds an event to the history of the run, where streams show it: a name of your own (letters,
    /// digits, `_`, `.`, `-`) and an object of at most 16 KiB. It is stored when this returns.
    ///
    /// # Errors
    /// If the payload is no object, or the control plane does not take the event or can't be
    /// reached. With `?` the attempt then fails; an event that is not worth that is sent with
    /// `let _ =`.
    pub async fn emit(
        &self,
        event_type: impl Into<String>,
        payload: impl Serialize,
    ) -> Result<(), EmitError> {
        self.inner.emitter.emit(event_type.into(), payload).await
    }

    /// The shared value of this type.
    ///
    /// # Panics
    /// If the worker was given no state of this type; the attempt then fails and says so.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.try_state().unwrap_or_else(|| {
            panic!(
                "the worker has no state of type {}; add it with Worker::state",
                type_name::<T>()
            )
        })
    }

    /// The shared value of this type, if the worker was given one.
    #[must_use]
    pub fn try_state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.states.get()
    }
}
