//! `fail`: fails, to try out what a workflow does then.
//!
//! Parameters, all optional: `error_type` (default `activity_failed`), `message`, and
//! `until_attempt`: the number of the first attempt that succeeds.
//! Result, if it succeeds: `{"attempt": …}`.

use mobius_worker_sdk::{ACTIVITY_FAILED, ActionError, Context};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    error_type: Option<String>,
    message: Option<String>,
    until_attempt: Option<i32>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Success {
    attempt: i32,
}

pub(super) async fn fail(ctx: Context, failure: Failure) -> Result<Success, ActionError> {
    let attempt = ctx.attempt();
    if failure.until_attempt.is_some_and(|until| attempt >= until) {
        return Ok(Success { attempt });
    }
    let error_type = failure.error_type.as_deref().unwrap_or(ACTIVITY_FAILED);
    let message = failure.message.as_deref().unwrap_or("failed as asked to");
    Err(ActionError::fail(error_type, message))
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn it_fails_as_it_is_told() {
        let error = invoke(fail, json!({})).await.unwrap_err();
        assert_eq!(error.error_type(), "activity_failed");
        let asked = json!({"error_type": "no_stock", "message": "sold out"});
        let error = invoke(fail, asked).attempt(9).await.unwrap_err();
        assert_eq!(
            (error.error_type(), error.message()),
            ("no_stock", "sold out")
        );
    }

    #[tokio::test]
    async fn it_succeeds_from_the_given_attempt_on() {
        for (attempt, succeeds) in [(1, false), (2, false), (3, true), (4, true)] {
            let result = invoke(fail, json!({"until_attempt": 3}))
                .attempt(attempt)
                .await;
            assert_eq!(result.is_ok(), succeeds, "attempt {attempt}");
        }
    }
}
