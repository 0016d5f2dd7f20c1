//! `mobius server` and `mobius migrate`: the control plane over a Postgres of the operator's own.

use anyhow::{Context, bail};
use mobius_store::{Store, bootstrap};

use crate::{
    args::{DatabaseArguments, Role, ServerArguments},
    replica, signals,
};

/// Brings the schema up to date.
pub(crate) async fn migrate(database: &DatabaseArguments) -> anyhow::Result<()> {
    mobius_store::migrate(&database.database_url)
        .await
        .database()?;
    println!("the schema is up to date");
    Ok(())
}

/// Runs a replica until a signal comes.
pub(crate) async fn run(arguments: ServerArguments) -> anyhow::Result<()> {
    let settings = arguments.tuning.settings()?;
    let stop = signals::stop_on_signals()?;
    let url = &arguments.database.database_url;
    let listener = match arguments.roles.contains(&Role::Api) {
        true => Some(replica::bind(arguments.listen).await?),
        false => None,
    };
    if !arguments.no_migrate {
        mobius_store::migrate(url).await.database()?;
    }
    let store = replica::open(&arguments.tuning.database(url), settings)?;
    check(&store).await?;
    if let Some(listener) = &listener {
        tracing::info!(address = %listener.local_addr()?, "serving");
    }
    let schedules = arguments.roles.contains(&Role::Scheduler);
    replica::run(
        store,
        arguments.tuning.request_limits(),
        listener,
        schedules,
        stop,
    )
    .await?;
    tracing::info!("stopped");
    Ok(())
}

/// Refuses a database that this program can't work with, and says when nobody can call it yet.
async fn check(store: &Store) -> anyhow::Result<()> {
    let mut connection = store.db().acquire().await.database()?;
    if !mobius_store::is_migrated(&mut connection)
        .await
        .database()?
    {
        bail!("the schema is not up to date; run `mobius migrate`");
    }
    if !bootstrap::has_keys(&mut connection).await.database()? {
        tracing::warn!("there is no API key yet; make the first one with `mobius bootstrap`");
    }
    Ok(())
}

/// What an operator reads when the database can't be used.
pub(crate) trait DatabaseContext<T> {
    /// Adds which operation failed.
    fn database(self) -> anyhow::Result<T>;
}

impl<T> DatabaseContext<T> for Result<T, mobius_store::Error> {
    fn database(self) -> anyhow::Result<T> {
        self.context("the database can't be used")
    }
}
