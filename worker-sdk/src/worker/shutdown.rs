//! When a worker stops: on signals of the operating system, and in which order.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::timeout,
};

use super::{api::JobApi, held::HeldJobs, session::Session};
use crate::CancelReason;

/// After the last action has ended, reports may take this long to be acknowledged.
pub(crate) const FLUSH: Duration = Duration::from_secs(10);

/// The stop signals that this process has got, one message each.
pub(crate) fn stop_signals() -> io::Result<mpsc::Receiver<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = sender.closed() => return,
            }
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Lets the running actions end by themselves as long as there is time and nobody hurries; then
/// they are told to stop, and each has its own bound to do so.
pub(crate) async fn drain<J: JobApi>(session: &Arc<Session<J>>, hurry: impl Future<Output = ()>) {
    session.running.close();
    if !session.running.is_empty() {
        tracing::info!(actions = session.running.len(), "draining");
    }
    let by_themselves = timeout(session.settings.drain_timeout, session.running.wait());
    let all_ended = tokio::select! {
        ended = by_themselves => ended.is_ok(),
        () = hurry => false,
    };
    if !all_ended {
        stop_all(&session.held);
        session.running.wait().await;
    }
}

fn stop_all(held: &HeldJobs) {
    tracing::warn!("the time to drain is over; stopping the actions that still run");
    held.cancel_all(CancelReason::Shutdown);
}
