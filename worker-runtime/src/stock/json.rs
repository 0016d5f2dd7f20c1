//! `json`: gives a value, or parses a text.
//!
//! Parameters: either `value`, any value, given back as it is (its strings may hold `${…}`, so it
//! builds new values from a run's state), or `text`, which is parsed as JSON.
//! Result: the value. A text that is not JSON fails for good.

use mobius_worker_sdk::{ActionError, Context};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Source {
    Value(Value),
    Text(String),
}

pub(super) async fn json(_: Context, source: Source) -> Result<Value, ActionError> {
    match source {
        Source::Value(value) => Ok(value),
        Source::Text(text) => serde_json::from_str(&text)
            .map_err(|error| ActionError::fatal(format!("`text` is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    #[tokio::test]
    async fn a_value_is_given_back_and_a_text_is_parsed() {
        let given = invoke(super::json, json!({"value": {"a": 1}})).await;
        assert_eq!(given, Ok(json!({"a": 1})));
        let parsed = invoke(super::json, json!({"text": "[1, 2]"})).await;
        assert_eq!(parsed, Ok(json!([1, 2])));
    }

    #[tokio::test]
    async fn a_text_that_is_not_json_and_two_sources_are_fatal() {
        for input in [
            json!({"text": "{"}),
            json!({"text": "1", "value": 1}),
            json!({}),
        ] {
            let error = invoke(super::json, input).await.unwrap_err();
            assert_eq!(error.error_type(), "fatal_error");
        }
    }
}
