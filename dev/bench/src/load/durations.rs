//! How long things took, noted by many tasks.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::process::order::Outcome;

/// A growing list of durations.
#[derive(Default)]
pub(crate) struct Durations(Mutex<Vec<Duration>>);

impl Durations {
    /// Adds one.
    pub(crate) fn note(&self, duration: Duration) {
        self.all().push(duration);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    /// Adds the percentiles and the longest of what was noted.
    pub(crate) fn add_to(&self, mut outcome: Outcome) -> Outcome {
        let shares = [
            ("p50 ms", 0.50),
            ("p95 ms", 0.95),
            ("p99 ms", 0.99),
            ("longest ms", 1.0),
        ];
        for (name, share) in shares {
            if let Some(value) = self.milliseconds_at(share) {
                outcome = outcome.with(name, value);
            }
        }
        outcome
    }

    /// The duration that this share of all is not longer than, in milliseconds.
    fn milliseconds_at(&self, share: f64) -> Option<f64> {
        let mut all = self.all();
        let last = all.len().checked_sub(1)?;
        let place = ((all.len() as f64 * share).ceil() as usize).clamp(1, last + 1) - 1;
        let (_, duration, _) = all.select_nth_unstable(place);
        Some(duration.as_secs_f64() * 1_000.0)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_duration_that_was_noted() {
        let durations = Durations::default();
        assert_eq!(durations.milliseconds_at(0.5), None);
        for milliseconds in (1..=100).rev() {
            durations.note(Duration::from_millis(milliseconds));
        }
        assert_eq!(durations.milliseconds_at(0.5), Some(50.0));
        assert_eq!(durations.milliseconds_at(0.99), Some(99.0));
        assert_eq!(durations.milliseconds_at(1.0), Some(100.0));
    }
}
