//! `mobius demo`: counts a source tree with a whole control plane, in one command.

mod census;
mod progress;
mod table;

use std::{net::Ipv4Addr, path::Path, time::Instant};

use anyhow::Context;
use mobius_private_postgres::Options;
use mobius_store::Settings;
use mobius_worker_sdk::{Client, Worker};
use tokio_util::sync::CancellationToken;

use crate::{args::DemoArguments, bootstrap, private::Database, replica, signals};
use progress::Progress;

/// Starts everything, counts, prints the table, and leaves nothing running.
pub(crate) async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let root = std::fs::canonicalize(&arguments.dir)
        .with_context(|| format!("can't read {}", arguments.dir.display()))?;
    let stop = signals::stop_on_signals()?;
    let progress = Progress::start();
    let begun = Instant::now();
    progress.say("starting a private Postgres");
    let database = tokio::select! {
        opened = Database::open(&arguments.postgres, Options::throwaway()) => opened?,
        () = stop.cancelled() => anyhow::bail!("interrupted"),
    };
    progress.say(&format!(
        "the database is up and migrated after {:.1?}",
        begun.elapsed()
    ));
    let counted = tokio::select! {
        counted = count(&database, &root, arguments.portion, &progress) => counted,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    database.close().await?;
    let outcome = counted?;
    progress.say("everything is stopped again");
    table::print(&root, &outcome);
    Ok(())
}

/// Runs the server and a worker while the census is taken.
async fn count(
    database: &Database,
    root: &Path,
    portion: u32,
    progress: &Progress,
) -> anyhow::Result<census::Outcome> {
    let listener = replica::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let options = mobius_store::DbOptions::new(&database.url);
    let store = replica::open(&options, Settings::default())?;
    let made = bootstrap::make(store.db(), "demo".to_owned()).await?;
    let client =
        Client::new(&base_url, made.key.expose())?.project(mobius_store::bootstrap::DEFAULT_HANDLE);
    let (serving, working) = (CancellationToken::new(), CancellationToken::new());
    let server = tokio::spawn(replica::run(
        store,
        mobius_api::Limits::default(),
        Some(listener),
        true,
        serving.clone(),
    ));
    progress.say(&format!("the control plane listens on {base_url}"));
    let worker = code_census::register(Worker::new(client.clone()).name("census").concurrency(16));
    let stop_working = working.clone();
    let worker =
        tokio::spawn(async move { worker.run_until(stop_working.cancelled_owned()).await });
    progress.say("a worker with 16 slots claims jobs");
    let taken = census::take(&client, root, portion, progress).await;
    working.cancel();
    let worked = worker.await.context("the worker panicked")?;
    serving.cancel();
    server.await.context("the server panicked")??;
    worked?;
    taken
}
