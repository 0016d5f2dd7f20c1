//! How long to wait after a call that failed: exponential with jitter, or what the server asks.
//!
//! The only place that knows the `backoff` crate. It decides nothing that outlives the process.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};

use crate::ClientError;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A server that asks for more patience than this is taken at this much, so that a typo in a
/// proxy's configuration can't park a fleet for a day.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The delays between the attempts of one loop.
pub(crate) struct Reconnect(ExponentialBackoff);

impl Reconnect {
    pub(crate) fn new() -> Self {
        let policy = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_DELAY)
            .with_max_interval(LONGEST_DELAY)
            .with_multiplier(2.0)
            .with_randomization_factor(0.5)
            .with_max_elapsed_time(None)
            .build();
        Self(policy)
    }

    /// The next failure starts from the shortest delay again.
    pub(crate) fn succeeded(&mut self) {
        self.0.reset();
    }

    /// The delay before the next attempt.
    pub(crate) fn delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST_DELAY)
    }

    /// The delay after this error: never less than its `Retry-After`, and never exactly that, for
    /// else all workers that got the same answer would come back in the same instant.
    pub(crate) fn delay_after(&mut self, error: &ClientError) -> Duration {
        let delay = self.delay();
        match error.retry_after() {
            Some(asked) => delay + asked.min(LONGEST_RETRY_AFTER),
            None => delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<u64>) -> ClientError {
        ClientError::Api {
            status: 503,
            code: "unavailable".to_owned(),
            message: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn delays_grow_to_a_bound_and_shrink_after_a_success() {
        let mut reconnect = Reconnect::new();
        let delays: Vec<_> = (0..20).map(|_| reconnect.delay()).collect();
        assert!(delays[0] <= FIRST_DELAY.mul_f64(1.5), "{delays:?}");
        assert!(delays[19] >= LONGEST_DELAY.mul_f64(0.5), "{delays:?}");
        assert!(
            delays.iter().all(|d| *d <= LONGEST_DELAY.mul_f64(1.5)),
            "{delays:?}"
        );
        reconnect.succeeded();
        assert!(reconnect.delay() <= FIRST_DELAY.mul_f64(1.5));
    }

    #[test]
    fn a_retry_after_is_a_lower_bound() {
        let mut reconnect = Reconnect::new();
        assert!(reconnect.delay_after(&busy(Some(7))) > Duration::from_secs(7));
        assert!(reconnect.delay_after(&busy(None)) < Duration::from_secs(7));
    }

    #[test]
    fn an_absurd_retry_after_is_bounded() {
        let mut reconnect = Reconnect::new();
        let delay = reconnect.delay_after(&busy(Some(1_000_000)));
        assert!(delay < LONGEST_RETRY_AFTER + LONGEST_DELAY.mul_f64(1.5));
    }
}
