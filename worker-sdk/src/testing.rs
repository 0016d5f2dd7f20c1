//! Runs an action in a test, without a server or a worker.
//!
//! The input goes through JSON as it would on the wire, so a parameter that is named wrongly
//! fails here as well:
//!
//! ```
//! use mobius_worker_sdk::{ActionError, Context, testing::invoke};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Order { amount: u32 }
//!
//! async fn charge(ctx: Context, order: Order) -> Result<u32, ActionError> {
//!     match ctx.attempt() {
//!         1 => Err(ActionError::retry("the bank is busy")),
//!         _ => Ok(order.amount),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! assert!(invoke(charge, json!({"amount": 5})).await.is_err());
//! assert_eq!(invoke(charge, json!({"amount": 5})).attempt(2).await, Ok(5));
//! # }
//! ```

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use mobius_types::{JobClaim, JobId, JsonObject, RunId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use crate::emit::Emitted;
use crate::{
    Action, ActionError, CancelReason, Context, action::typed, cancellation::Cancellation,
    context::States,
};

/// Prepares a call of an action with this input; await it to make the call.
///
/// # Panics
/// If the input is not a JSON object, as parameters always are.
pub fn invoke<P, A: Action<P>>(action: A, input: impl Serialize) -> Invocation<P, A> {
    let Ok(Value::Object(parameters)) = serde_json::to_value(input) else {
        panic!("the input of an action must be a JSON object");
    };
    Invocation {
        action,
        claim: claim(parameters),
        states: States::default(),
        cancellation: Cancellation::default(),
        emitted: Emitted::default(),
        parameters: std::marker::PhantomData,
    }
}

/// A call of an action that is being prepared.
#[must_use = "an invocation does nothing until it is awaited"]
pub struct Invocation<P, A> {
    action: A,
    claim: JobClaim,
    states: States,
    cancellation: Cancellation,
    emitted: Emitted,
    parameters: std::marker::PhantomData<fn(P)>,
}

impl<P, A> Invocation<P, A> {
    /// Pretends that this is the attempt of this number.
    pub fn attempt(mut self, attempt: i32) -> Self {
        self.claim.attempt = attempt;
        self
    }

    /// Gives the action this shared value.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Gives the action this idempotency key.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.claim.idempotency_key = Some(key.into());
        self
    }

    /// The events that the action emits, to be looked at when it has ended.
    #[must_use]
    pub fn events(&self) -> Emitted {
        self.emitted.clone()
    }

    /// A handle that asks the action to stop, also while it runs.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.cancellation.clone())
    }
}

/// Asks an invoked action to stop.
pub struct Canceller(Cancellation);

impl Canceller {
    /// Fires the signal. The action is not dropped: it ends when it ends.
    pub fn cancel(&self, reason: CancelReason) {
        self.0.cancel(reason);
    }
}

impl<P, A> IntoFuture for Invocation<P, A>
where
    P: DeserializeOwned + Send + 'static,
    A: Action<P>,
{
    type Output = Result<A::Output, ActionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let parameters = std::mem::take(&mut self.claim.parameters);
        let ctx = Context::new(
            &self.claim,
            Arc::new(self.states),
            self.cancellation,
            self.emitted.emitter(),
        );
        Box::pin(async move { self.action.call(ctx, typed(parameters)?).await })
    }
}

/// A first attempt of a job that nothing else is known of.
fn claim(parameters: JsonObject) -> JobClaim {
    JobClaim {
        job_id: JobId::generate(),
        run_id: RunId::generate(),
        workflow_name: "test".to_owned(),
        step_name: "test".to_owned(),
        action: "test".to_owned(),
        agent_id: None,
        agent_session_id: None,
        parameters,
        attempt: 1,
        queue: "default".to_owned(),
        heartbeat_interval_seconds: None,
        lease_seconds: None,
        idempotency_key: None,
        timeout_ms: None,
    }
}
