//! A Postgres server per test, for tests that stop or restart it.

use mobius_private_postgres::Cluster;

use crate::server::{query_i64, start_private};

/// A server that no other test uses, with one migrated database. It stops when it is dropped.
#[derive(Debug)]
pub struct TestCluster {
    cluster: Cluster,
    url: String,
}

impl TestCluster {
    /// Starts the server and migrates its database. Takes a second: prefer
    /// [`TestDatabase`](crate::TestDatabase) where the server is left alone.
    ///
    /// # Panics
    /// There is no Postgres and none can be installed, or a migration fails.
    pub async fn start() -> TestCluster {
        let cluster = start_private().await;
        let url = cluster.url("postgres");
        let migrated = mobius_store::migrate(&url).await;
        migrated.unwrap_or_else(|error| panic!("the migrations: {error}"));
        TestCluster { cluster, url }
    }

    /// How to connect to the migrated database; restarts don't change it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The one number that a statement on the migrated database gives, asked on a connection of
    /// its own.
    ///
    /// # Panics
    /// The statement fails, or gives no number.
    pub async fn query_i64(&self, sql: &'static str) -> i64 {
        query_i64(&self.url, sql).await
    }

    /// The server, to halt, resume or restart it.
    pub fn postgres(&self) -> &Cluster {
        &self.cluster
    }
}
