//! `time`: tells the worker's clock.
//!
//! Parameters: none. Result: `{"rfc3339": "2026-01-02T03:04:05.678Z", "unix_ms": …}`.
//! It is the time of the worker's host, for people and logs: nothing should be decided by it.

use chrono::{DateTime, SecondsFormat, Utc};
use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Debug, Serialize)]
pub(super) struct Time {
    rfc3339: String,
    unix_ms: i64,
}

pub(super) async fn time(_: Context, _: Nothing) -> Result<Time, ActionError> {
    Ok(describe(host_clock()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the host's clock is what this action is asked for"
)]
fn host_clock() -> DateTime<Utc> {
    Utc::now()
}

fn describe(now: DateTime<Utc>) -> Time {
    Time {
        rfc3339: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        unix_ms: now.timestamp_millis(),
    }
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_told_in_both_forms() {
        let time = describe(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap());
        assert_eq!(time.rfc3339, "2023-11-14T22:13:20.123Z");
        assert_eq!(time.unix_ms, 1_700_000_000_123);
    }

    #[tokio::test]
    async fn the_clock_is_read_and_no_parameter_is_taken() {
        let time = invoke(super::time, json!({})).await.unwrap();
        assert!(time.unix_ms > 1_700_000_000_000);
        assert!(invoke(super::time, json!({"zone": "UTC"})).await.is_err());
    }
}
