//! Connections: accepted, spoken HTTP/1 with, and ended between two requests once the server stops.
//!
//! One task a connection, which drives hyper itself. The framework's own loop would clone and box
//! the service for each request, and take a lock that all connections share.

use std::pin::pin;

use axum::{Router, serve::Listener};
use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::edge;

/// Accepts connections until told to stop; then takes no new ones, and returns when those that are
/// open have answered what is in flight.
pub(crate) async fn accept<L: Listener>(mut listener: L, router: Router, stop: CancellationToken) {
    let open = TaskTracker::new();
    while let Some((socket, _)) = stop.run_until_cancelled(listener.accept()).await {
        open.spawn(serve(socket, router.clone(), stop.clone()));
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Answers the requests of one connection.
async fn serve<S>(socket: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| edge::answer(router.clone(), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    // It is polled only when it was woken itself. Polled by hand it would take the token's lock
    // several times a request.
    let mut stopping: FuturesUnordered<_> = [stop.cancelled()].into_iter().collect();
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection failed");
                }
                return;
            }
            Some(()) = stopping.next() => connection.as_mut().graceful_shutdown(),
        }
    }
}
