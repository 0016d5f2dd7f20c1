//! What is measured: a durable private Postgres and a whole control plane over it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use mobius_api::App;
use mobius_private_postgres::{Cluster, Options};
use mobius_store::{Db, DbOptions, Settings, Store, bootstrap};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::client::Client;

/// The project's routes.
pub(crate) const PROJECT: &str = "/projects/default";

/// A running control plane.
pub(crate) struct Target {
    address: SocketAddr,
    key: String,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    scheduler: JoinHandle<()>,
    cluster: Option<(Cluster, tempfile::TempDir)>,
}

impl Target {
    /// Starts it, over a private cluster unless a database is given.
    pub(crate) async fn start(database_url: Option<String>) -> anyhow::Result<Self> {
        let (url, cluster) = match database_url {
            Some(url) => (url, None),
            None => {
                let dir = tempfile::tempdir()?;
                let cluster = Cluster::start(Options::durable(dir.path().join("postgres"))).await?;
                mobius_store::create_database(&cluster.url("postgres"), "bench").await?;
                (cluster.url("bench"), Some((cluster, dir)))
            }
        };
        mobius_store::migrate(&url).await?;
        let store = Store::new(Db::new(&DbOptions::new(url))?, Settings::default());
        let made = store
            .db()
            .write(|tx| Box::pin(bootstrap::bootstrap(tx, "bench")))
            .await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let app = App::new(store.clone());
        Ok(Self {
            address,
            key: made.key.expose().to_owned(),
            server: tokio::spawn(mobius_api::serve(app, listener, stop.clone())),
            scheduler: tokio::spawn(mobius_scheduler::run(store, stop.clone())),
            stop,
            cluster,
        })
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        Client::connect(self.address, &self.key).await
    }

    /// Opens several connections.
    pub(crate) async fn connect_many(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.connect().await?);
        }
        Ok(clients)
    }

    /// Saves a workflow of one step and returns its id. Each has an action of its own, so that
    /// scenarios do not get each other's jobs.
    pub(crate) async fn workflow(&self, name: &str) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Saved {
            id: String,
        }
        let spec = json!({
            "name": name,
            "inputs": [{ "name": "n", "type": "integer" }],
            "steps": [{ "name": "work", "action": name, "parameters": { "n": "${inputs.n}" } }],
        });
        let body = json!({ "name": name, "spec": spec })
            .to_string()
            .into_bytes();
        let path = format!("{PROJECT}/workflows");
        let saved: Option<Saved> = self.connect().await?.ask(&path, body).await?;
        Ok(saved.context("the saved workflow was not returned")?.id)
    }

    /// Stops everything, and deletes the data.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.server.await??;
        self.scheduler.await?;
        if let Some((cluster, _dir)) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// The body of a start.
pub(crate) fn start_body(workflow: &str, n: usize) -> Vec<u8> {
    format!(r#"{{"definition_id":"{workflow}","inputs":{{"n":{n}}}}}"#).into_bytes()
}

/// A claimed job, as far as the bench looks at it.
#[derive(Debug, Deserialize)]
pub(crate) struct Claimed {
    pub(crate) job_id: String,
    pub(crate) attempt: i32,
    pub(crate) parameters: Value,
}

impl Claimed {
    /// The number that the start gave.
    pub(crate) fn n(&self) -> anyhow::Result<usize> {
        let n = self.parameters["n"]
            .as_u64()
            .context("a job without its number")?;
        Ok(usize::try_from(n)?)
    }
}
