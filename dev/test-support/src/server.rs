//! The Postgres server that the databases of this test process live on.
//!
//! Holds no connections: each test has an async runtime of its own, and a connection dies with
//! the runtime that opened it.

use mobius_private_postgres::{Cluster, Options};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

use crate::template;

/// A server with a migrated template on it.
#[derive(Debug)]
pub(crate) struct Server {
    admin: Url,
    template: String,
    /// Held, so that it runs; it stops when the process ends, and its supervisor cleans up.
    _private: Option<Cluster>,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();

impl Server {
    /// The server of this process, started and given its template on first use.
    pub(crate) async fn shared() -> &'static Server {
        SERVER.get_or_init(Server::prepare).await
    }

    async fn prepare() -> Server {
        let (admin, private) = match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => (url, None),
            Ok(_) | Err(_) => {
                let cluster = start_private().await;
                (cluster.url("postgres"), Some(cluster))
            }
        };
        let admin = Url::parse(&admin).expect("DATABASE_URL is a URL");
        let template = template::ensure(&admin).await;
        Server {
            admin,
            template,
            _private: private,
        }
    }

    /// The name of the migrated template.
    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    /// How to connect to one of the server's databases.
    pub(crate) fn url(&self, database: &str) -> String {
        with_database(&self.admin, database)
    }

    /// Runs a statement beside the test databases.
    pub(crate) async fn administer(&self, sql: String) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(self.admin.as_str()).await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await
    }
}

/// The URL of another database of the same server.
pub(crate) fn with_database(server: &Url, database: &str) -> String {
    let mut url = server.clone();
    url.set_path(database);
    url.into()
}

/// A private server that is deleted when it stops.
pub(crate) async fn start_private() -> Cluster {
    let bin_dir = std::env::var_os("MOBIUS_PG_BIN").map(Into::into);
    let options = Options {
        bin_dir,
        ..Options::throwaway()
    };
    Cluster::start(options)
        .await
        .unwrap_or_else(|error| panic!("tests need Postgres: {error}"))
}

/// The one number that a statement gives.
pub(crate) async fn query_i64(url: &str, sql: &'static str) -> i64 {
    let asked = async {
        let mut connection = PgConnection::connect(url).await?;
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<i64, sqlx::Error>(number)
    };
    asked.await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}
