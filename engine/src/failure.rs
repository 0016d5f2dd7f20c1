//! Kinds of errors, and the patterns by which `retry` and `catch` match them.

use crate::event::JobError;

/// An action failed without saying how.
pub(crate) const ACTIVITY_FAILED: &str = "activity_failed";
/// An attempt took too long.
pub(crate) const TIMEOUT: &str = "timeout";
/// An action says that trying again is of no use.
pub(crate) const FATAL_ERROR: &str = "fatal_error";
/// Too many workers in a row lost the job.
pub(crate) const LEASE_EXPIRED: &str = "lease_expired";
/// An expression of a step could not be evaluated.
pub(crate) const EXPRESSION_ERROR: &str = "expression_error";
/// The run outgrew one of its limits.
pub(crate) const LIMIT_EXCEEDED: &str = "limit_exceeded";
/// A named branch was started while one of that name was still going.
pub(crate) const BRANCH_CONFLICT: &str = "branch_conflict";
/// A join can't pass any more.
pub(crate) const JOIN_UNSATISFIABLE: &str = "join_unsatisfiable";
/// An operator has ended the run.
pub(crate) const CANCELLED: &str = "cancelled";

const ALL: &str = "all";

/// One spelling for errors that workers name in several ways.
pub(crate) fn normalise(mut error: JobError) -> JobError {
    let kind = canonical(&error.kind);
    if kind != error.kind {
        error.kind = kind.to_owned();
    }
    error
}

fn canonical(kind: &str) -> &str {
    match kind {
        "" => ACTIVITY_FAILED,
        "Timeout" | "TimeoutError" => TIMEOUT,
        kind => kind,
    }
}

/// The `error_equals` of a policy or clause.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matcher(Vec<Pattern>);

#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    /// Everything but a fatal error.
    All,
    /// Every failure of an action that has no meaning of its own to the engine.
    ActivityFailed,
    Exact(String),
}

impl Matcher {
    /// An empty list means `all`.
    pub(crate) fn compile(error_equals: &[String]) -> Self {
        if error_equals.is_empty() {
            return Self(vec![Pattern::All]);
        }
        let pattern = |text: &String| match canonical(text) {
            ALL => Pattern::All,
            ACTIVITY_FAILED => Pattern::ActivityFailed,
            exact => Pattern::Exact(exact.to_owned()),
        };
        Self(error_equals.iter().map(pattern).collect())
    }

    pub(crate) fn matches(&self, kind: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::All => kind != FATAL_ERROR,
            Pattern::ActivityFailed => !matches!(
                kind,
                TIMEOUT | FATAL_ERROR | LEASE_EXPIRED | EXPRESSION_ERROR | BRANCH_CONFLICT
            ),
            Pattern::Exact(exact) => exact == kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_kinds_they_are_for() {
        let kinds = [
            "activity_failed",
            "timeout",
            "fatal_error",
            "lease_expired",
            "expression_error",
            "card_declined",
        ];
        for (patterns, matched) in [
            (&[][..], [true, true, false, true, true, true]),
            (&["all"], [true, true, false, true, true, true]),
            (
                &["activity_failed"],
                [true, false, false, false, false, true],
            ),
            (&["timeout"], [false, true, false, false, false, false]),
            (&["TimeoutError"], [false, true, false, false, false, false]),
            (&["fatal_error"], [false, false, true, false, false, false]),
            (
                &["lease_expired"],
                [false, false, false, true, false, false],
            ),
            (
                &["card_declined"],
                [false, false, false, false, false, true],
            ),
            (&["Card_declined"], [false; 6]),
            (&["all", "fatal_error"], [true; 6]),
        ] {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let matcher = Matcher::compile(&patterns);
            let got = kinds.map(|kind| matcher.matches(kind));
            assert_eq!(got, matched, "{patterns:?}");
        }
    }

    #[test]
    fn error_kinds_have_one_spelling() {
        for (given, kind) in [
            ("", "activity_failed"),
            ("Timeout", "timeout"),
            ("TimeoutError", "timeout"),
            ("timeout", "timeout"),
            ("TIMEOUT", "TIMEOUT"),
            ("card_declined", "card_declined"),
        ] {
            let error = JobError {
                kind: given.to_owned(),
                message: String::new(),
                details: None,
            };
            assert_eq!(normalise(error).kind, kind);
        }
    }
}
