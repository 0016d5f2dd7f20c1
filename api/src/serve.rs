//! Serves the router on a socket, and drains it.

use std::{io, time::Duration};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{App, connections::accept, stalled::Impatient};

/// How long requests that are in flight may take once the server drains.
const DRAIN: Duration = Duration::from_secs(4);

/// Serves until told to stop; then answers what is in flight and returns.
///
/// # Errors
/// The socket failed.
pub async fn serve(app: App, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
    let between_requests = CancellationToken::new();
    let mut running = tokio::spawn({
        let (app, stop) = (app.clone(), between_requests.clone());
        async move { app.run(stop).await }
    });
    // Small answers must not wait for the next one to fill a packet.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket would not send small packets at once");
        }
    });
    let listener = Impatient::new(listener, app.limits.stall);
    let served = async {
        tokio::join!(accept(listener, app.router(), stop.clone()), async {
            stop.cancelled().await;
            app.drain();
        });
    };
    let served = tokio::select! {
        () = served => Ok(()),
        // Without it no parked claim would be woken: better to stop than to look healthy.
        _ = &mut running => return Err(io::Error::other("the work between requests ended")),
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => {
            tracing::warn!("some requests were still in flight when the server stopped");
            Ok(())
        }
    };
    between_requests.cancel();
    // Its last write is worth waiting for; a panic in it was logged already.
    let _ = running.await;
    served
}
