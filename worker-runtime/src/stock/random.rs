//! `random`: draws a number.
//!
//! Parameters: `min` and `max`, whole numbers, both or neither. With them a whole number between
//! them (inclusive), without them a fraction from 0 up to 1. Result: `{"value": …}`.
//! A retried attempt draws again.

use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};
use serde_json::Number;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    min: Option<i64>,
    max: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Drawn {
    value: Number,
}

pub(super) async fn random(_: Context, range: Range) -> Result<Drawn, ActionError> {
    let value = match (range.min, range.max) {
        (Some(min), Some(max)) if min <= max => rand::random_range(min..=max).into(),
        (Some(min), Some(max)) => {
            return Err(ActionError::fatal(format!(
                "`min` {min} is over `max` {max}"
            )));
        }
        (None, None) => Number::from_f64(rand::random()).expect("a fraction is finite"),
        (Some(_), None) | (None, Some(_)) => {
            return Err(ActionError::fatal("`min` and `max` go together"));
        }
    };
    Ok(Drawn { value })
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_number_is_within_its_bounds() {
        let drawn = invoke(random, json!({"min": -3, "max": -3})).await.unwrap();
        assert_eq!(drawn.value, Number::from(-3));
        for _ in 0..100 {
            let drawn = invoke(random, json!({"min": 1, "max": 2})).await.unwrap();
            assert!(matches!(drawn.value.as_i64(), Some(1 | 2)));
            let drawn = invoke(random, json!({})).await.unwrap();
            assert!((0.0..1.0).contains(&drawn.value.as_f64().unwrap()));
        }
    }

    #[tokio::test]
    async fn bounds_that_make_no_range_are_fatal() {
        for input in [
            json!({"min": 2, "max": 1}),
            json!({"min": 1}),
            json!({"max": 1}),
        ] {
            let error = invoke(random, input).await.unwrap_err();
            assert_eq!(error.error_type(), "fatal_error");
        }
    }
}
