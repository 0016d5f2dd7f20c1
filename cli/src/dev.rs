//! `mobius dev`: everything on this machine, with nothing to set up.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, bail};
use mobius_private_postgres::Options;
use mobius_worker_runtime::stock::{self, Config};
use mobius_worker_sdk::Client;
use tokio_util::sync::CancellationToken;

use crate::{args::DevArguments, credentials::Credentials, private::Database, replica, signals};

/// How long actions that run may take to end when everything stops.
const DRAIN: Duration = Duration::from_secs(3);

/// Runs until a signal comes, then stops the worker, the server and Postgres, in this order.
pub(crate) async fn run(arguments: DevArguments) -> anyhow::Result<()> {
    let settings = arguments.tuning.settings()?;
    let stop = signals::stop_on_signals()?;
    let listener = replica::bind((Ipv4Addr::LOCALHOST, arguments.port).into()).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    std::fs::create_dir_all(&arguments.data_dir)
        .with_context(|| format!("can't create {}", arguments.data_dir.display()))?;
    let cluster = Options::durable(arguments.data_dir.join("postgres"));
    let Some(opened) = stop
        .run_until_cancelled(Database::open(&arguments.postgres, cluster))
        .await
    else {
        return Ok(());
    };
    let database = opened?;
    let store = replica::open(&arguments.tuning.database(&database.url), settings)?;
    let credentials = Credentials::ensure(store.db(), &arguments.data_dir, base_url).await?;
    let serving = CancellationToken::new();
    let mut server = tokio::spawn(replica::run(
        store,
        arguments.tuning.request_limits_for_one(),
        Some(listener),
        true,
        serving.clone(),
    ));
    announce(&arguments, &credentials);
    let worked = tokio::select! {
        worked = work(&arguments, &credentials, &stop) => worked,
        ended = &mut server => {
            database.close().await?;
            return ended.context("the server panicked")?.and_then(|()| bail!("the server ended"));
        }
        () = give_up(&stop) => Ok(()),
    };
    serving.cancel();
    let served = server.await.context("the server panicked")?;
    database.close().await?;
    served.and(worked)?;
    println!("stopped");
    Ok(())
}

/// Ends when the worker had its time. What it still runs comes back when the leases end.
async fn give_up(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN + Duration::from_secs(2)).await;
}

/// Runs the worker, or just waits, until told to stop.
async fn work(
    arguments: &DevArguments,
    credentials: &Credentials,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if arguments.no_worker {
        stop.cancelled().await;
        return Ok(());
    }
    let client =
        Client::new(&credentials.base_url, &credentials.api_key)?.project(&credentials.project);
    let worker = stock::worker(Config {
        client,
        queues: Vec::new(),
        concurrency: 10,
        options: stock::Options {
            shell: arguments.allow_shell,
        },
    })?;
    worker
        .drain_timeout(DRAIN)
        .run_until(stop.cancelled())
        .await?;
    Ok(())
}

fn announce(arguments: &DevArguments, credentials: &Credentials) {
    let Credentials {
        base_url,
        api_key,
        project,
    } = credentials;
    println!("mobius dev is up");
    println!("  base URL  {base_url}");
    println!("  project   {project}");
    println!("  API key   {api_key}");
    println!(
        "  also in   {}",
        arguments.data_dir.join("credentials.json").display()
    );
    if !arguments.no_worker {
        println!("  worker    runs print, json, time, random, sleep, fail and http");
    }
    println!("Stop it with Ctrl-C; the data is kept.");
}
