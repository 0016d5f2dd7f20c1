//! The database of `dev` and `demo`: a private cluster, unless a URL is given.

use anyhow::Context;
use mobius_private_postgres::{Cluster, Install, Options};

use crate::{args::PrivatePostgresArguments, server::DatabaseContext};

/// The name of our database in a private cluster.
const DATABASE: &str = "mobius";

/// A migrated database, and the cluster that it lies in if that is ours.
pub(crate) struct Database {
    pub(crate) url: String,
    cluster: Option<Cluster>,
}

impl Database {
    /// Uses the given URL, or starts a cluster.
    pub(crate) async fn open(
        arguments: &PrivatePostgresArguments,
        options: Options,
    ) -> anyhow::Result<Self> {
        let database = match &arguments.database_url {
            Some(url) => Self {
                url: url.clone(),
                cluster: None,
            },
            None => Self::start(arguments, options).await?,
        };
        mobius_store::migrate(&database.url).await.database()?;
        Ok(database)
    }

    async fn start(arguments: &PrivatePostgresArguments, options: Options) -> anyhow::Result<Self> {
        let install = if arguments.no_install_postgres {
            Install::Refused
        } else {
            Install::Allowed
        };
        let options = Options {
            install,
            bin_dir: arguments.pg_bin.clone(),
            ..options
        };
        let cluster = Cluster::start(options).await?;
        mobius_store::create_database(&cluster.url("postgres"), DATABASE)
            .await
            .database()?;
        Ok(Self {
            url: cluster.url(DATABASE),
            cluster: Some(cluster),
        })
    }

    /// Stops the cluster, if it is ours.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.cluster {
            Some(cluster) => cluster
                .stop()
                .await
                .context("the private Postgres did not stop"),
            None => Ok(()),
        }
    }
}
