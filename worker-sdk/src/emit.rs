//! Events that an action adds to the history of its run while it runs.
//!
//! Sent at once, one call each, and never repeated by itself: whether an event is worth another
//! try, or the action's failure, is for the author to say.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use mobius_types::{JobEventEntry, JobEventsRequest, JsonObject};
use serde::Serialize;
use serde_json::Value;

use crate::ClientError;

/// Why an event was not stored, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The payload is not a JSON object.
    #[error("the payload of an event must be a JSON object")]
    Payload,
    /// The control plane did not take it, or could not be asked.
    #[error("the event was not sent")]
    Call(#[from] ClientError),
}

type Sent = Pin<Box<dyn Future<Output = Result<(), ClientError>> + Send>>;

/// How the events of one attempt reach the control plane.
#[derive(Clone)]
pub(crate) struct Emitter(Arc<dyn Fn(JobEventEntry) -> Sent + Send + Sync>);

impl Emitter {
    pub(crate) fn new<F, S>(send: F) -> Self
    where
        F: Fn(JobEventEntry) -> S + Send + Sync + 'static,
        S: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        Self(Arc::new(move |event| Box::pin(send(event))))
    }

    pub(crate) async fn emit(
        &self,
        kind: String,
        payload: impl Serialize,
    ) -> Result<(), EmitError> {
        let payload = object(payload).ok_or(EmitError::Payload)?;
        (self.0)(JobEventEntry { kind, payload }).await?;
        Ok(())
    }
}

fn object(payload: impl Serialize) -> Option<JsonObject> {
    match serde_json::to_value(payload).ok()? {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

/// The call that adds one event.
pub(crate) fn request(worker_id: String, attempt: i32, event: JobEventEntry) -> JobEventsRequest {
    JobEventsRequest {
        worker_id,
        attempt,
        events: vec![event],
    }
}

/// The events of an action that runs in a test.
#[derive(Clone, Default)]
pub struct Emitted(Arc<Mutex<Vec<JobEventEntry>>>);

impl Emitted {
    /// All events so far, in order.
    #[must_use]
    pub fn all(&self) -> Vec<JobEventEntry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn emitter(&self) -> Emitter {
        let emitted = self.clone();
        Emitter::new(move |event| {
            let mut events = emitted.0.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
            std::future::ready(Ok(()))
        })
    }
}
