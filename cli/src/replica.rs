//! One replica of the control plane in this process: the API, the scheduler, or both.

use anyhow::Context;
use mobius_api::{App, Limits};
use mobius_store::{Db, DbOptions, Settings, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A store over the database.
pub(crate) fn open(options: &DbOptions, settings: Settings) -> anyhow::Result<Store> {
    Ok(Store::new(Db::new(options)?, settings))
}

/// Binds the socket before anything else is started, so that a port in use is the first thing
/// that fails.
pub(crate) async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {address}; is another server running there?"))
}

/// Runs both roles until told to stop.
pub(crate) async fn run(
    store: Store,
    limits: Limits,
    listener: Option<TcpListener>,
    schedules: bool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let serving = async {
        match listener {
            Some(listener) => {
                mobius_api::serve(
                    App::with_limits(store.clone(), limits),
                    listener,
                    stop.clone(),
                )
                .await
            }
            None => {
                // Rings of this replica's scheduler still have to reach the others.
                store.doorbell().run(stop.clone()).await;
                Ok(())
            }
        }
    };
    let scheduling = async {
        if schedules {
            mobius_scheduler::run(store.clone(), stop.clone()).await;
        }
    };
    let (served, ()) = tokio::join!(serving, scheduling);
    store.close().await;
    served.context("the server's socket failed")
}
