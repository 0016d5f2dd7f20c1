//! One-way signal from the worker to an action that it should stop, with the reason.
//!
//! The signal is cooperative. Dropping an action that does not listen is the worker's part.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why an action is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// The run was cancelled.
    Cancelled,
    /// The job may belong to another worker by now: whatever this attempt still does is lost.
    LeaseLost,
    /// The attempt has used up its time.
    TimedOut,
    /// The worker shuts down and the time to drain is over.
    Shutdown,
}

/// The signal. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancellation {
    /// Fires the signal. The first reason stays.
    pub(crate) fn cancel(&self, reason: CancelReason) {
        // The reason must be readable before the token wakes anybody.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// The reason, once fired.
    pub(crate) fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }

    /// Waits for the signal.
    pub(crate) async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        self.reason().expect("the reason is set before the token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays() {
        let cancellation = Cancellation::default();
        assert_eq!(cancellation.reason(), None);
        cancellation.cancel(CancelReason::Shutdown);
        cancellation.cancel(CancelReason::LeaseLost);
        assert_eq!(cancellation.cancelled().await, CancelReason::Shutdown);
    }
}
