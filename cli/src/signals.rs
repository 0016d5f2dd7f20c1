//! SIGINT and SIGTERM ask a command to stop; a second one asks it to stop at once.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first signal. The second one ends the process.
pub(crate) fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be handled")?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if told.is_cancelled() {
                // What is stored is safe, and the private Postgres ends with this process.
                std::process::exit(130);
            }
            told.cancel();
        }
    });
    Ok(stop)
}
