//! Retry policies: which one holds, and how long to wait.
//!
//! The first failure picks the first policy whose patterns match, and that policy holds for the
//! whole sequence, also for later failures that it would not have matched. The one exception: a
//! fatal error is retried only by a policy that names `fatal_error`.
//!
//! Defaults: `max_retries` 3, `base_delay` 1s, `backoff_rate` 2.0, `jitter_strategy` NONE, no
//! `timeout`; without `max_delay` a delay is at most 24 hours. Zero is a value of its own:
//! `max_retries: 0` never retries, `base_delay: 0s` retries at once. `null` is the same as absent.

use std::time::Duration;

use mobius_types::{JitterStrategy, WorkflowRetry, parse_duration};

use crate::{
    event::RetryProgress,
    failure::{FATAL_ERROR, Matcher},
    problem::{Path, Problems},
};

const DEFAULT_RETRIES: i32 = 3;
const DEFAULT_BASE_DELAY: Duration = Duration::from_secs(1);
const DEFAULT_RATE: f64 = 2.0;
const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_RETRIES: i32 = 100_000;
const MAX_POLICIES: usize = 100;

/// One retry policy.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    matcher: Matcher,
    pub(crate) max_retries: i32,
    base_delay: Duration,
    max_delay: Duration,
    backoff_rate: f64,
    jitter: JitterStrategy,
    pub(crate) timeout: Option<Duration>,
}

/// The decision to try again.
#[derive(Debug)]
pub(crate) struct Retry<'a> {
    pub(crate) policy: &'a RetryPolicy,
    pub(crate) progress: RetryProgress,
    /// How many retries are left, this one included.
    pub(crate) remaining: i32,
}

/// Whether a failed attempt is followed by another one.
pub(crate) fn decide<'a>(
    policies: &'a [RetryPolicy],
    kind: &str,
    progress: RetryProgress,
) -> Option<Retry<'a>> {
    let index = match progress.policy {
        Some(index) => usize::try_from(index).ok()?,
        None => policies
            .iter()
            .position(|policy| policy.matcher.matches(kind))?,
    };
    let policy = policies.get(index)?;
    let refused = kind == FATAL_ERROR && !policy.matcher.matches(kind);
    if refused || progress.retries >= policy.max_retries {
        return None;
    }
    Some(Retry {
        policy,
        progress: RetryProgress {
            policy: i16::try_from(index).ok(),
            retries: progress.retries + 1,
        },
        remaining: policy.max_retries - progress.retries,
    })
}

impl RetryPolicy {
    /// The wait before the `retry`-th retry, counted from 1: `base_delay × backoff_rate^(retry-1)`,
    /// cut at the maximum. With full jitter it is uniform between zero and that.
    ///
    /// `jitter` is a random number in [0, 1), injected by the caller.
    pub(crate) fn delay(&self, retry: i32, jitter: f64) -> Duration {
        let full = self.full_delay(retry);
        match self.jitter {
            JitterStrategy::None => full,
            JitterStrategy::Full => full.mul_f64(jitter.clamp(0.0, 1.0)),
        }
    }

    fn full_delay(&self, retry: i32) -> Duration {
        // Zero times an infinite factor would be NaN.
        if self.base_delay.is_zero() {
            return Duration::ZERO;
        }
        let factor = self.backoff_rate.powi(retry.saturating_sub(1).max(0));
        let seconds = self.base_delay.as_secs_f64() * factor;
        // What doesn't fit a `Duration`, infinity included, is longer than any maximum.
        Duration::try_from_secs_f64(seconds)
            .map_or(self.max_delay, |delay| delay.min(self.max_delay))
    }
}

/// Compiles the policies of a step.
pub(crate) fn compile(
    path: &Path<'_>,
    policies: &[WorkflowRetry],
    problems: &mut Problems,
) -> Vec<RetryPolicy> {
    if policies.len() > MAX_POLICIES {
        problems.add(path, format!("has more than {MAX_POLICIES} policies"));
    }
    let compiled = policies.iter().take(MAX_POLICIES).enumerate();
    compiled
        .map(|(index, policy)| compile_policy(&path.index(index), policy, problems))
        .collect()
}

/// Problems are reported, and the default stands in: a definition with problems never runs.
fn compile_policy(path: &Path<'_>, policy: &WorkflowRetry, problems: &mut Problems) -> RetryPolicy {
    check_patterns(&path.field("error_equals"), &policy.error_equals, problems);
    let base_delay = duration(
        &path.field("base_delay"),
        policy.base_delay.as_deref(),
        problems,
    );
    let max_delay = duration(
        &path.field("max_delay"),
        policy.max_delay.as_deref(),
        problems,
    );
    let timeout = duration(&path.field("timeout"), policy.timeout.as_deref(), problems);
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        problems.add(&path.field("timeout"), "is zero; no attempt could succeed");
    }
    let longest = max_delay.unwrap_or(DEFAULT_MAX_DELAY);
    if base_delay.is_some_and(|base| base > longest) {
        problems.add(
            &path.field("base_delay"),
            "is longer than `max_delay` (24h when absent)",
        );
    }
    RetryPolicy {
        matcher: Matcher::compile(&policy.error_equals),
        max_retries: max_retries(&path.field("max_retries"), policy.max_retries, problems),
        base_delay: base_delay.unwrap_or(DEFAULT_BASE_DELAY),
        max_delay: longest,
        backoff_rate: rate(&path.field("backoff_rate"), policy.backoff_rate, problems),
        jitter: policy.jitter_strategy.unwrap_or(JitterStrategy::None),
        timeout,
    }
}

/// Checks the entries of an `error_equals`.
pub(crate) fn check_patterns(path: &Path<'_>, patterns: &[String], problems: &mut Problems) {
    for (index, pattern) in patterns.iter().enumerate() {
        if pattern.is_empty() {
            problems.add(&path.index(index), "is empty; name an error type, or `all`");
        }
    }
}

fn duration(path: &Path<'_>, text: Option<&str>, problems: &mut Problems) -> Option<Duration> {
    text.and_then(|text| problems.take(path, parse_duration(text)))
}

fn max_retries(path: &Path<'_>, given: Option<i64>, problems: &mut Problems) -> i32 {
    let Some(given) = given else {
        return DEFAULT_RETRIES;
    };
    match i32::try_from(given) {
        Ok(retries @ 0..=MAX_RETRIES) => retries,
        Ok(_) | Err(_) => {
            problems.add(path, format!("is not between 0 and {MAX_RETRIES}"));
            DEFAULT_RETRIES
        }
    }
}

fn rate(path: &Path<'_>, given: Option<f64>, problems: &mut Problems) -> f64 {
    let rate = given.unwrap_or(DEFAULT_RATE);
    if !rate.is_finite() || rate < 0.0 {
        problems.add(
            path,
            "is negative or no number; write 1 for a constant delay",
        );
    }
    rate
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn policies(retry: Value) -> Result<Vec<RetryPolicy>, Problems> {
        let retry: Vec<WorkflowRetry> = serde_json::from_value(retry).unwrap();
        let mut problems = Problems::default();
        let policies = compile(&Path::Root.field("retry"), &retry, &mut problems);
        problems.into_result(policies)
    }

    fn policy(retry: Value) -> RetryPolicy {
        policies(json!([retry])).unwrap().remove(0)
    }

    #[test]
    fn delays_grow_by_the_rate_up_to_the_maximum() {
        for (spec, seconds) in [
            (json!({}), [1.0, 2.0, 4.0, 8.0]),
            (json!({"backoff_rate": 1}), [1.0, 1.0, 1.0, 1.0]),
            (json!({"base_delay": "0s"}), [0.0, 0.0, 0.0, 0.0]),
            (json!({"backoff_rate": 0}), [1.0, 0.0, 0.0, 0.0]),
            (
                json!({"base_delay": "10s", "max_delay": "25s"}),
                [10.0, 20.0, 25.0, 25.0],
            ),
            (
                json!({"base_delay": "8h"}),
                [28_800.0, 57_600.0, 86_400.0, 86_400.0],
            ),
            (
                json!({"max_delay": "0s", "base_delay": "0s"}),
                [0.0, 0.0, 0.0, 0.0],
            ),
        ] {
            let policy = policy(spec.clone());
            let delays = [1, 2, 3, 4].map(|retry| policy.delay(retry, 0.5).as_secs_f64());
            assert_eq!(delays, seconds, "{spec}");
        }
    }

    #[test]
    fn full_jitter_spreads_between_zero_and_the_delay() {
        let policy = policy(json!({"base_delay": "10s", "jitter_strategy": "FULL"}));
        assert_eq!(policy.delay(1, 0.0), Duration::ZERO);
        assert_eq!(policy.delay(2, 0.25), Duration::from_secs(5));
    }

    #[test]
    fn zero_retries_differ_from_none_given() {
        let retries = |spec| {
            let policies = policies(json!([spec])).unwrap();
            decide(&policies, "x", RetryProgress::default()).map(|retry| retry.remaining)
        };
        assert_eq!(retries(json!({"max_retries": 0})), None);
        assert_eq!(retries(json!({})), Some(3));
        assert_eq!(retries(json!({"max_retries": null})), Some(3));
        assert_eq!(retries(json!({"max_retries": 1})), Some(1));
    }

    #[test]
    fn the_policy_that_was_picked_first_holds() {
        let policies = policies(json!([
            {"error_equals": ["timeout"], "max_retries": 2},
            {"error_equals": ["all"], "max_retries": 9},
        ]))
        .unwrap();
        let first = decide(&policies, "timeout", RetryProgress::default()).unwrap();
        assert_eq!(
            first.progress,
            RetryProgress {
                policy: Some(0),
                retries: 1
            }
        );
        let second = decide(&policies, "other", first.progress).unwrap();
        assert_eq!(
            second.progress,
            RetryProgress {
                policy: Some(0),
                retries: 2
            }
        );
        assert!(decide(&policies, "other", second.progress).is_none());
        let other = decide(&policies, "other", RetryProgress::default()).unwrap();
        assert_eq!(other.progress.policy, Some(1));
    }

    #[test]
    fn a_fatal_error_ends_a_sequence_unless_its_policy_names_it() {
        let begun = RetryProgress {
            policy: Some(0),
            retries: 1,
        };
        let all = policies(json!([{"error_equals": ["all"]}])).unwrap();
        assert!(decide(&all, "fatal_error", begun).is_none());
        let named = policies(json!([{"error_equals": ["fatal_error"]}])).unwrap();
        assert!(decide(&named, "fatal_error", begun).is_some());
    }

    #[test]
    fn a_progress_of_another_definition_is_not_retried() {
        let policies = policies(json!([{}])).unwrap();
        for policy in [-1, 1, i16::MAX] {
            let progress = RetryProgress {
                policy: Some(policy),
                retries: 0,
            };
            assert!(decide(&policies, "x", progress).is_none());
        }
    }

    #[test]
    fn wrong_policies_are_problems() {
        let problems = policies(json!([
            {"max_retries": -1},
            {"max_retries": 100_001, "base_delay": "soon", "timeout": "0s"},
            {"backoff_rate": -0.5, "error_equals": ["all", ""]},
            {"base_delay": "25h", "max_delay": ""},
            {"base_delay": "2s", "max_delay": "1s"},
        ]))
        .unwrap_err();
        let paths: Vec<_> = problems
            .0
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "retry[0].max_retries",
                "retry[1].base_delay",
                "retry[1].timeout",
                "retry[1].max_retries",
                "retry[2].error_equals[1]",
                "retry[2].backoff_rate",
                "retry[3].max_delay",
                "retry[3].base_delay",
                "retry[4].base_delay",
            ]
        );
        let many = vec![json!({}); 101];
        assert!(policies(json!(many)).is_err());
    }

    proptest! {
        #[test]
        fn delays_are_bounded_and_never_shrink_at_a_rate_of_one_or_more(
            base_ms in 0_u64..86_400_000,
            rate in 1.0_f64..1e300,
            retry in 1_i32..10_000,
            jitter in 0.0_f64..1.0,
        ) {
            let spec = json!({"base_delay": format!("{base_ms}ms"), "backoff_rate": rate});
            let policy = policy(spec);
            let delay = policy.delay(retry, jitter);
            prop_assert!(delay <= DEFAULT_MAX_DELAY);
            prop_assert!(delay <= policy.delay(retry + 1, jitter));
        }

        #[test]
        fn a_jittered_delay_is_at_most_the_full_one(
            retry in 1_i32..10_000, jitter in 0.0_f64..1.0, rate in 0.0_f64..1e9,
        ) {
            let full = policy(json!({"backoff_rate": rate}));
            let jittered = policy(json!({"backoff_rate": rate, "jitter_strategy": "FULL"}));
            prop_assert!(jittered.delay(retry, jitter) <= full.delay(retry, jitter));
        }
    }
}
