//! Work that ends when the action is told to stop.

use mobius_worker_sdk::{ActionError, Context};

/// Does the work unless the action is told to stop first; the work is dropped then.
pub(super) async fn unless_cancelled<T>(
    ctx: &Context,
    work: impl Future<Output = T>,
) -> Result<T, ActionError> {
    tokio::select! {
        done = work => Ok(done),
        // The worker reports it under the type of the reason.
        reason = ctx.cancelled() => Err(ActionError::retry(format!("stopped: {reason:?}"))),
    }
}
