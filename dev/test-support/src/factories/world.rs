//! A store over a database of its own.

use std::time::Duration;

use mobius_store::{Db, DbOptions, Settings, Store};

use super::Tenant;
use crate::TestDatabase;

/// How many connections a test's store may open; two tests run at once, with a few stores each.
const CONNECTIONS: u32 = 8;

/// A store over a fresh database, with one tenant.
pub struct World {
    tenant: Tenant,
    /// Dropped last: dropping it ends all connections.
    database: TestDatabase,
}

impl World {
    /// A world with the default settings.
    pub async fn create() -> World {
        World::with(Settings::default()).await
    }

    /// A world with other lease terms or limits.
    pub async fn with(settings: Settings) -> World {
        let database = TestDatabase::create().await;
        let tenant = Tenant::bootstrap(store_over(database.url(), settings)).await;
        World { tenant, database }
    }

    /// The project `default` of the organisation `default`.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The tenant as another replica serves it: one with a pool and batches of its own.
    pub fn replica(&self) -> Tenant {
        let store = store_over(self.url(), Settings::default());
        self.tenant.on(store)
    }

    /// How to connect to the database.
    pub fn url(&self) -> &str {
        self.database.url()
    }
}

/// A store over any database. It waits long for a free connection, because a test machine is
/// slow and a test is not about that.
pub fn store_over(url: &str, settings: Settings) -> Store {
    let options = DbOptions {
        max_connections: CONNECTIONS,
        acquire_timeout: Duration::from_secs(30),
        ..DbOptions::new(url)
    };
    let db = Db::new(&options).expect("the URLs of test databases are well-formed");
    Store::new(db, settings)
}
