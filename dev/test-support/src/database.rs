//! A database per test.

use crate::server::{self, Server};

/// A migrated database that no other test sees, dropped at the end of the test.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static Server,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Clones the template.
    ///
    /// # Panics
    /// There is no Postgres and none can be installed, the server in `DATABASE_URL` refuses us,
    /// or a migration fails.
    pub async fn create() -> TestDatabase {
        let server = Server::shared().await;
        let name = format!(
            "mobius_test_{}_{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        let clone = format!("create database {name} template {}", server.template());
        server
            .administer(clone)
            .await
            .unwrap_or_else(|error| panic!("a test database: {error}"));
        TestDatabase {
            server,
            url: server.url(&name),
            name,
        }
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The one number that a statement gives, asked on a connection of its own.
    ///
    /// # Panics
    /// The statement fails, or gives no number.
    pub async fn query_i64(&self, sql: &'static str) -> i64 {
        server::query_i64(&self.url, sql).await
    }
}

impl Drop for TestDatabase {
    /// Blocks until the database is gone, because the process may end right after the test. The
    /// work has a thread and a runtime of its own: the test's runtime can't be waited for here.
    fn drop(&mut self) {
        let server = self.server;
        let sql = format!("drop database if exists {} with (force)", self.name);
        let dropped = std::thread::spawn(move || block_on(server.administer(sql))).join();
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("can't drop the database {}: {error}", self.name),
            Err(_) => eprintln!("can't drop the database {}: the thread panicked", self.name),
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime without threads needs only file descriptors")
        .block_on(work)
}
