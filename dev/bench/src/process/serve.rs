//! What is measured, in a process of its own: the control plane, or an endpoint that does nothing.

use std::net::Ipv4Addr;

use anyhow::Context;
use axum::{Json, Router, routing::post};
use mobius_api::{App, Limits};
use mobius_store::{Db, DbOptions, Settings, Store, bootstrap};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc::UnboundedReceiver};
use tokio_util::sync::CancellationToken;

use super::{
    input,
    order::{ServeOrder, Target},
    usage::allow_open_files,
};

/// Both roles of the control plane, until the standard input ends.
pub(crate) async fn control_plane() -> anyhow::Result<()> {
    allow_open_files()?;
    let (order, input) = order().await?;
    let store = Store::new(
        Db::new(&DbOptions::new(order.database_url))?,
        Settings::default(),
    );
    let made = store
        .db()
        .write(|tx| Box::pin(bootstrap::bootstrap(tx, "bench")))
        .await?;
    let listener = listen(made.key.expose()).await?;
    // One key makes all the load here; what protects a server from one key is not measured.
    let limits = Limits {
        job_events_per_second: 0,
        streams_per_key: 0,
        ..Limits::default()
    };
    let stop = CancellationToken::new();
    let app = App::with_limits(store.clone(), limits);
    let serving = mobius_api::serve(app, listener, stop.clone());
    let scheduling = mobius_scheduler::run(store, stop.clone());
    let (served, (), ()) = tokio::join!(serving, scheduling, cancel_at_end(input, stop));
    Ok(served?)
}

/// The least that an HTTP server of this kind can do, until the standard input ends.
pub(crate) async fn echo() -> anyhow::Result<()> {
    let (_, input) = order().await?;
    let listener = listen("").await?;
    let router = Router::new().route("/echo", post(async |body: Json<Value>| body));
    let stop = CancellationToken::new();
    let ended = stop.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned());
    let (served, ()) = tokio::join!(async { serving.await }, cancel_at_end(input, stop));
    Ok(served?)
}

async fn order() -> anyhow::Result<(ServeOrder, UnboundedReceiver<String>)> {
    let mut lines = input::lines();
    let line = lines.recv().await.context("nothing was ordered")?;
    Ok((serde_json::from_str(&line)?, lines))
}

/// Binds a port, and says which.
async fn listen(key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let target = Target {
        address: listener.local_addr()?,
        key: key.to_owned(),
    };
    println!("{}", serde_json::to_string(&target)?);
    Ok(listener)
}

/// Whoever started us has ended, or wants us to.
async fn cancel_at_end(mut input: UnboundedReceiver<String>, stop: CancellationToken) {
    while input.recv().await.is_some() {}
    stop.cancel();
}
