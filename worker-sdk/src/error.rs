//! How an action says that it failed, and what should follow.
//!
//! The error carries the decision: whether the step's retry policies may try again. It does not
//! know how it is reported.

use std::{error::Error, fmt};

/// The error type of a failure that says nothing more about itself; retry policies match it.
pub const ACTIVITY_FAILED: &str = "activity_failed";

/// The error type that no retry policy matches unless it names it.
pub const FATAL_ERROR: &str = "fatal_error";

/// Why an action failed.
///
/// Any standard error becomes a retryable one with `?`. For `anyhow`, whose errors are not
/// standard errors, write `.map_err(ActionError::retry)` or format the chain with `{:#}`.
/// For that conversion to exist this type can't be a standard error itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ActionError {
    error_type: String,
    message: String,
}

impl ActionError {
    /// A failure that may be tried again, of type `activity_failed`.
    pub fn retry(message: impl fmt::Display) -> Self {
        Self::fail(ACTIVITY_FAILED, message)
    }

    /// A failure of a type of your own, for the workflow's `retry` and `catch` to match by name.
    pub fn fail(error_type: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            error_type: error_type.into(),
            message: message.to_string(),
        }
    }

    /// A failure that trying again can't cure; no policy retries it unless it names `fatal_error`.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self::fail(FATAL_ERROR, message)
    }

    /// What `retry` and `catch` match on.
    #[must_use]
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl<E: Error> From<E> for ActionError {
    fn from(error: E) -> Self {
        Self::retry(chain(&error))
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl fmt::Debug for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error with its causes on one line: the outermost alone seldom says what went wrong.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        // Many errors already print their source.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the mail was not sent")]
    struct NotSent(#[source] std::fmt::Error);

    #[test]
    fn a_standard_error_becomes_retryable_and_keeps_its_causes() {
        let error = ActionError::from(NotSent(std::fmt::Error));
        assert_eq!(error.error_type(), ACTIVITY_FAILED);
        assert_eq!(
            error.message(),
            format!("the mail was not sent: {}", std::fmt::Error)
        );
    }

    #[test]
    fn the_decision_is_in_the_type() {
        assert_eq!(ActionError::retry("x").error_type(), "activity_failed");
        assert_eq!(ActionError::fail("no_stock", "x").error_type(), "no_stock");
        assert_eq!(ActionError::fatal("x").error_type(), "fatal_error");
    }
}
