//! From the end of an action to the report of it. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mobius_types::{JobCompleteRequest, JobFenceRequest, JobOutcome};

use crate::{ACTIVITY_FAILED, ActionError, CancelReason};

/// The largest result that the control plane takes, before base64.
const MAX_RESULT_BYTES: usize = 4 * 1024 * 1024;

/// Longer error messages are cut: they are for people, and stand in every list of jobs.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// A longer class would be refused, and the failure with it.
const MAX_TYPE_BYTES: usize = 255;

/// How an action ended.
pub(crate) enum Ended {
    /// It returned.
    Returned(Result<Vec<u8>, ActionError>),
    /// It panicked with this message.
    Panicked(String),
    /// It did not stop when asked to, and was dropped.
    Dropped,
}

/// The report of an attempt that ended, after the action was asked to stop for this reason.
///
/// A result stands even if it came after the signal. A retryable error that came after it is
/// taken as its effect and carries the reason's type; one with a decision of its own stands.
pub(crate) fn report(
    fence: JobFenceRequest,
    ended: Ended,
    reason: Option<CancelReason>,
) -> JobCompleteRequest {
    match (ended, reason) {
        (Ended::Returned(Ok(result)), _) => succeeded(fence, &result),
        (Ended::Returned(Err(error)), Some(reason)) if error.error_type() == ACTIVITY_FAILED => {
            let (error_type, _) = describe(reason);
            failed(fence, &ActionError::fail(error_type, error.message()))
        }
        (Ended::Returned(Err(error)), _) => failed(fence, &error),
        (Ended::Panicked(message), _) => {
            failed(fence, &ActionError::retry(format!("panic: {message}")))
        }
        (Ended::Dropped, reason) => {
            let (error_type, message) = describe(reason.unwrap_or(CancelReason::Cancelled));
            failed(fence, &ActionError::fail(error_type, message))
        }
    }
}

/// The report of a result that the control plane refused: it would refuse it again.
pub(crate) fn refused(report: &JobCompleteRequest, why: &str) -> JobCompleteRequest {
    let fence = JobFenceRequest {
        worker_id: report.worker_id.clone(),
        attempt: report.attempt,
    };
    let message = format!("the control plane refused the result: {why}");
    failed(fence, &ActionError::fatal(message))
}

fn succeeded(fence: JobFenceRequest, result: &[u8]) -> JobCompleteRequest {
    if result.len() > MAX_RESULT_BYTES {
        let message = format!(
            "result of {} bytes is over the limit of {MAX_RESULT_BYTES} bytes",
            result.len()
        );
        return failed(fence, &ActionError::fatal(message));
    }
    JobCompleteRequest {
        worker_id: fence.worker_id,
        attempt: fence.attempt,
        status: JobOutcome::Completed,
        result_b64: Some(STANDARD.encode(result)),
        error_type: None,
        error_message: None,
    }
}

fn failed(fence: JobFenceRequest, error: &ActionError) -> JobCompleteRequest {
    JobCompleteRequest {
        worker_id: fence.worker_id,
        attempt: fence.attempt,
        status: JobOutcome::Failed,
        result_b64: None,
        error_type: Some(printable(error.error_type(), MAX_TYPE_BYTES)),
        error_message: Some(printable(error.message(), MAX_MESSAGE_BYTES)),
    }
}

/// What is reported when the reason is all there is to say.
fn describe(reason: CancelReason) -> (&'static str, &'static str) {
    match reason {
        CancelReason::Cancelled => ("cancelled", "the run was cancelled"),
        CancelReason::LeaseLost => ("lease_lost", "the lease was lost"),
        CancelReason::TimedOut => ("timeout", "the attempt took too long"),
        CancelReason::Shutdown => ("worker_shutdown", "the worker shut down"),
    }
}

/// Text that the control plane can store: no NUL, and not without bound.
fn printable(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    text[..end].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(ended: Ended, reason: Option<CancelReason>) -> JobCompleteRequest {
        let fence = JobFenceRequest {
            worker_id: "w".to_owned(),
            attempt: 3,
        };
        report(fence, ended, reason)
    }

    fn type_of(ended: Ended, reason: Option<CancelReason>) -> Option<String> {
        report_of(ended, reason).error_type
    }

    #[test]
    fn a_result_travels_as_base64_json_under_its_fence() {
        let report = report_of(Ended::Returned(Ok(b"{\"a\":1}".to_vec())), None);
        assert_eq!(report.status, JobOutcome::Completed);
        assert_eq!(report.result_b64.as_deref(), Some("eyJhIjoxfQ=="));
        assert_eq!((report.worker_id.as_str(), report.attempt), ("w", 3));
    }

    #[test]
    fn a_result_over_the_limit_is_a_fatal_failure_that_says_its_size() {
        let fits = report_of(Ended::Returned(Ok(vec![b'1'; MAX_RESULT_BYTES])), None);
        assert_eq!(fits.status, JobOutcome::Completed);
        let report = report_of(Ended::Returned(Ok(vec![b'1'; MAX_RESULT_BYTES + 1])), None);
        assert_eq!(report.error_type.as_deref(), Some("fatal_error"));
        let message = report.error_message.unwrap();
        assert_eq!(
            message,
            "result of 4194305 bytes is over the limit of 4194304 bytes"
        );
    }

    #[test]
    fn a_panic_is_a_retryable_failure_that_says_so() {
        let report = report_of(Ended::Panicked("oh no".to_owned()), None);
        assert_eq!(report.error_type.as_deref(), Some("activity_failed"));
        assert_eq!(report.error_message.as_deref(), Some("panic: oh no"));
    }

    #[test]
    fn after_the_signal_only_errors_without_a_decision_take_the_reasons_type() {
        let shutdown = Some(CancelReason::Shutdown);
        let retry = Ended::Returned(Err(ActionError::retry("x")));
        assert_eq!(type_of(retry, shutdown).as_deref(), Some("worker_shutdown"));
        let own = Ended::Returned(Err(ActionError::fail("no_stock", "x")));
        assert_eq!(type_of(own, shutdown).as_deref(), Some("no_stock"));
        let fatal = Ended::Returned(Err(ActionError::fatal("x")));
        assert_eq!(type_of(fatal, shutdown).as_deref(), Some("fatal_error"));
        let result = Ended::Returned(Ok(b"1".to_vec()));
        assert_eq!(type_of(result, shutdown), None);
        let timed_out = Some(CancelReason::TimedOut);
        assert_eq!(
            type_of(Ended::Dropped, timed_out).as_deref(),
            Some("timeout")
        );
    }

    #[test]
    fn a_message_has_no_nul_and_is_cut_between_characters() {
        let text = format!("a\0{}", "é".repeat(MAX_MESSAGE_BYTES));
        let report = report_of(Ended::Returned(Err(ActionError::retry(text))), None);
        let message = report.error_message.unwrap();
        assert!(message.starts_with("a\u{fffd}é"));
        assert!(message.len() <= MAX_MESSAGE_BYTES + 2);
    }
}
