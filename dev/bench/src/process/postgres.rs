//! The private Postgres of a bench, with the durable settings of the product, and its databases.

use std::path::PathBuf;

use anyhow::Context;
use mobius_private_postgres::{Cluster, Options};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::usage::Processes;

/// The database that those of the scenarios are copied from.
const TEMPLATE: &str = "bench_template";

/// A running server.
pub(crate) struct Postgres {
    cluster: Cluster,
    admin: PgConnection,
    postmaster: u32,
    made: u32,
    /// Deleted with everything in it.
    _dir: tempfile::TempDir,
}

impl Postgres {
    /// Starts it, and makes a migrated template.
    pub(crate) async fn start(bin_dir: Option<PathBuf>) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let options = Options {
            bin_dir,
            ..Options::durable(dir.path().join("postgres"))
        };
        let cluster = Cluster::start(options).await?;
        let url = cluster.url("postgres");
        mobius_store::create_database(&url, TEMPLATE).await?;
        mobius_store::migrate(&cluster.url(TEMPLATE)).await?;
        let mut admin = PgConnection::connect(&url).await?;
        let postmaster = postmaster(&mut admin).await?;
        Ok(Self {
            cluster,
            admin,
            postmaster,
            made: 0,
            _dir: dir,
        })
    }

    /// The process whose children all others of the server are.
    pub(crate) fn pid(&self) -> u32 {
        self.postmaster
    }

    /// What it says it is.
    pub(crate) async fn version(&mut self) -> anyhow::Result<String> {
        let version = sqlx::query_scalar("show server_version");
        Ok(version.fetch_one(&mut self.admin).await?)
    }

    /// How to connect to a database.
    pub(crate) fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// Makes a database with the schema of the product, and returns its name.
    pub(crate) async fn migrated_database(&mut self) -> anyhow::Result<String> {
        self.database(&format!("template {TEMPLATE}")).await
    }

    /// Makes an empty database, and returns its name.
    pub(crate) async fn empty_database(&mut self) -> anyhow::Result<String> {
        self.database("").await
    }

    async fn database(&mut self, clause: &str) -> anyhow::Result<String> {
        self.made += 1;
        let name = format!("bench_{}", self.made);
        self.execute(format!("create database {name} {clause}"))
            .await?;
        Ok(name)
    }

    /// Deletes a database, whoever is connected to it.
    pub(crate) async fn drop_database(&mut self, name: &str) -> anyhow::Result<()> {
        self.execute(format!("drop database {name} with (force)"))
            .await
    }

    /// Writes out what earlier measurements left to be written, so that the next one need not.
    pub(crate) async fn checkpoint(&mut self) -> anyhow::Result<()> {
        self.execute("checkpoint".to_owned()).await
    }

    /// How many transactions a database has seen. The server adds them up with up to a second of
    /// delay, so this is for windows of many seconds.
    pub(crate) async fn transactions(&mut self, database: &str) -> anyhow::Result<i64> {
        let sql = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        let count = sqlx::query_scalar(sql).bind(database);
        Ok(count.fetch_one(&mut self.admin).await?)
    }

    async fn execute(&mut self, statement: String) -> anyhow::Result<()> {
        let sent = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.admin);
        sent.await?;
        Ok(())
    }

    /// Stops it, and deletes its data.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.admin.close().await?;
        Ok(self.cluster.stop().await?)
    }
}

/// Each session has a process that the postmaster started.
async fn postmaster(session: &mut PgConnection) -> anyhow::Result<u32> {
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(session)
        .await?;
    Processes::read()?
        .parent(u32::try_from(backend)?)
        .context("the server's processes can't be seen from here")
}
