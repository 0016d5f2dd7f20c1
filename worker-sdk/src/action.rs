//! Actions: async functions with typed parameters and a typed result.
//!
//! Here a typed function becomes one that takes and gives JSON. Nothing here runs one.

use std::{future::Future, pin::Pin, sync::Arc};

use mobius_types::JsonObject;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{ActionError, Context};

/// An async function from a [`Context`] and its parameters to a result.
///
/// Every `async fn(Context, P) -> Result<R, E>` is one, with parameters that deserialise from a
/// JSON object, a result that serialises, and an [`ActionError`] or any standard error as `E`.
/// For an action without parameters, take a [`JsonObject`].
pub trait Action<P>: Send + Sync + 'static {
    /// What the action gives back; it becomes the job's result as JSON.
    type Output: Serialize + Send;

    /// Runs the action.
    fn call(
        &self,
        ctx: Context,
        parameters: P,
    ) -> impl Future<Output = Result<Self::Output, ActionError>> + Send;
}

impl<F, Fut, P, R, E> Action<P> for F
where
    F: Fn(Context, P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send,
    R: Serialize + Send,
    E: Into<ActionError>,
    P: Send,
{
    type Output = R;

    async fn call(&self, ctx: Context, parameters: P) -> Result<R, ActionError> {
        self(ctx, parameters).await.map_err(Into::into)
    }
}

/// A running action; it ends with its result as JSON text.
type Running = Pin<Box<dyn Future<Output = Result<Vec<u8>, ActionError>> + Send>>;

/// An action whose types are forgotten.
pub(crate) type Handler = Arc<dyn Fn(Context, JsonObject) -> Running + Send + Sync>;

/// Forgets the types of an action.
pub(crate) fn erase<P, A>(action: A) -> Handler
where
    P: DeserializeOwned + Send,
    A: Action<P>,
{
    let action = Arc::new(action);
    Arc::new(move |ctx, parameters| {
        let action = Arc::clone(&action);
        Box::pin(async move {
            let parameters = typed(parameters)?;
            let result = action.call(ctx, parameters).await?;
            serde_json::to_vec(&result)
                .map_err(|error| ActionError::fatal(format!("the result is not JSON: {error}")))
        })
    })
}

/// Parameters of the action's type. Wrong ones stay wrong, so the error is a fatal one.
pub(crate) fn typed<P: DeserializeOwned>(parameters: JsonObject) -> Result<P, ActionError> {
    serde_path_to_error::deserialize(Value::Object(parameters)).map_err(|error| {
        let path = error.path().to_string();
        let place = match path.as_str() {
            "." => "parameters".to_owned(),
            path => format!("parameter `{path}`"),
        };
        ActionError::fatal(format!("{place}: {}", error.into_inner()))
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its type matters here")]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    struct Item {
        #[expect(dead_code, reason = "only its type matters here")]
        count: u32,
    }

    fn error_for(parameters: Value) -> ActionError {
        let Value::Object(parameters) = parameters else {
            panic!("parameters are an object");
        };
        typed::<Order>(parameters).unwrap_err()
    }

    #[test]
    fn a_parameter_of_the_wrong_type_is_fatal_and_named() {
        let error = error_for(json!({"items": [{"count": 1}, {"count": "two"}]}));
        assert_eq!(error.error_type(), "fatal_error");
        assert!(
            error.message().starts_with("parameter `items[1].count`:"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_parameter_is_fatal_and_named() {
        let error = error_for(json!({}));
        assert_eq!(error.error_type(), "fatal_error");
        assert_eq!(error.message(), "parameters: missing field `items`");
    }
}
