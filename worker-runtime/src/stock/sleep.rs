//! `sleep`: waits inside the worker, where it holds a slot and a lease.
//!
//! For trying things out: a long sleep keeps a slot busy and needs a heartbeat all the while.
//! Parameters: `duration`, such as `1m30s`. Result: `{"slept_ms": …}`.

use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};

use super::{cancel::unless_cancelled, duration::GoDuration};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nap {
    duration: GoDuration,
}

#[derive(Debug, Serialize)]
pub(super) struct Slept {
    slept_ms: u64,
}

pub(super) async fn sleep(ctx: Context, nap: Nap) -> Result<Slept, ActionError> {
    let GoDuration(duration) = nap.duration;
    unless_cancelled(&ctx, tokio::time::sleep(duration)).await?;
    let slept_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(Slept { slept_ms })
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::{CancelReason, testing::invoke};
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_as_long_as_asked() {
        let begin = Instant::now();
        let slept = invoke(sleep, json!({"duration": "1m30s"})).await.unwrap();
        assert_eq!(slept.slept_ms, 90_000);
        assert_eq!(begin.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_told_to() {
        let begin = Instant::now();
        let invocation = invoke(sleep, json!({"duration": "24h"}));
        invocation.canceller().cancel(CancelReason::Cancelled);
        assert!(invocation.await.is_err());
        assert_eq!(begin.elapsed().as_secs(), 0);
    }

    #[tokio::test]
    async fn a_duration_that_is_none_is_fatal_and_says_what_would_be_right() {
        let error = invoke(sleep, json!({"duration": "soon"}))
            .await
            .unwrap_err();
        assert_eq!(error.error_type(), "fatal_error");
        assert!(
            error
                .message()
                .starts_with("parameter `duration`: the duration \"soon\" has")
        );
    }
}
