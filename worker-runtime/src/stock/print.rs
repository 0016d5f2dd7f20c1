//! `print`: writes a message to the worker's standard output.
//!
//! Parameters: `message`, any value; a string is written as it is, all else as JSON.
//! Result: `{"message": …}`, the same value.

use std::io::{self, Write as _};

use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is printed, and given back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    message: Value,
}

pub(super) async fn print(_: Context, parameters: Message) -> Result<Message, ActionError> {
    let line = match &parameters.message {
        Value::String(text) => text.clone(),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => other.to_string(),
    };
    // Not `println!`, which panics when nobody reads any more.
    writeln!(io::stdout(), "{line}")?;
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_message_of_any_type_is_given_back() {
        for message in [json!("hello"), json!({"a": [1, null]})] {
            let result = invoke(print, json!({"message": message})).await.unwrap();
            assert_eq!(result.message, message);
        }
    }
}
