//! The connection pool, and the rules that every session and transaction keeps.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::Error;

/// How long a transaction may take as seen from here. Longer than Postgres itself allows a
/// statement, so it is felt only when the server does not answer at all.
const DEADLINE: Duration = Duration::from_secs(35);

/// How to reach Postgres.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// A `postgres://` URL.
    pub url: String,
    /// The most connections that this process opens.
    pub max_connections: u32,
    /// How long a request waits for a free connection before it is answered with 503.
    pub acquire_timeout: Duration,
}

impl DbOptions {
    /// Sensible limits for one replica on a small machine.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(2),
        }
    }
}

/// A pool of connections to Postgres.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    /// Shared, because every request clones the pool's handle.
    options: Arc<PgConnectOptions>,
}

impl Db {
    /// Prepares a pool. Connections are opened when needed, so Postgres may still be away.
    ///
    /// # Errors
    /// The URL is malformed.
    pub fn new(options: &DbOptions) -> Result<Self, Error> {
        let connect = session_options(&options.url)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(connect.clone());
        Ok(Self {
            pool,
            options: Arc::new(connect),
        })
    }

    /// Borrows a connection for statements that stand alone.
    ///
    /// # Errors
    /// No connection became free in time, or Postgres is away.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        self.lend(CLEAR).await
    }

    /// Runs `work` in a transaction and commits it, in a task of its own.
    ///
    /// The task goes on when the caller is dropped, because a client that hangs up must neither
    /// undo half of a change nor leave a transaction open on a pooled connection.
    ///
    /// # Errors
    /// What `work` returned, after a rollback, or the failure of the transaction itself.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        let db = self.clone();
        let task = tokio::spawn(async move { db.transact(work).await });
        task.await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Runs `work` in a transaction and commits it, within a deadline. For tasks that no client can
    /// drop.
    ///
    /// # Errors
    /// What `work` returned, after a rollback, or the failure of the transaction itself.
    pub async fn transact<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        self.bounded(BEGIN, |connection| Box::pin(end(connection, work)))
            .await
    }

    /// Runs statements that stand alone, within a deadline. For what goes on in the background: a
    /// peer that vanished without a word must not hold it up for ever.
    ///
    /// # Errors
    /// What `work` returned, or [`Error::Unavailable`] when the deadline passed.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>,
    {
        self.bounded(CLEAR, work).await
    }

    /// Asks Postgres for a sign of life.
    ///
    /// # Errors
    /// Postgres is away, or no connection became free in time.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        sqlx::query!("select 1 as one")
            .fetch_one(&mut *connection)
            .await?;
        Ok(())
    }

    /// Closes all connections once they are free.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How to open a connection outside the pool.
    pub(crate) fn connect_options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Borrows a connection and begins its use with a statement. One for which that fails is closed,
    /// and the next one tried: after a restart of Postgres all that are idle are dead, and nothing
    /// has been done yet.
    async fn lend(&self, first: &'static str) -> Result<PoolConnection<Postgres>, Error> {
        let lend = async {
            let mut left = self.pool.options().get_max_connections();
            loop {
                let mut connection = self.pool.acquire().await?;
                match sqlx::raw_sql(first).execute(&mut *connection).await {
                    Ok(_) => return Ok(connection),
                    Err(error) if left == 0 => return Err(error.into()),
                    Err(_) => connection.close_on_drop(),
                }
                left -= 1;
            }
        };
        // To become free, and to answer.
        let patience = self.pool.options().get_acquire_timeout() * 2;
        tokio::time::timeout(patience, lend)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Runs `work` on a borrowed connection, after a first statement, within a deadline.
    async fn bounded<T, F>(&self, first: &'static str, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>>,
    {
        let mut lent = Lent {
            connection: self.lend(first).await?,
            is_done: false,
        };
        let outcome = tokio::time::timeout(DEADLINE, work(&mut lent.connection)).await;
        lent.is_done = outcome.is_ok();
        outcome.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }
}

/// A connection in use. It goes back to the pool only when the work has come to its end: after a
/// panic, a deadline or a drop it may be in the middle of a transaction, whose locks would stay.
struct Lent {
    connection: PoolConnection<Postgres>,
    is_done: bool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}

/// Ends a transaction that a dropped future may have left open on the connection; into it the
/// next borrower's acknowledged writes would vanish. `begin` first, because a bare `rollback`
/// outside a transaction writes a warning into the server's log.
const CLEAR: &str = "begin; rollback";

/// The same, and begins a transaction: one round trip. What a write executes is looked up by key, so
/// a plan for all values is the right one; Postgres would make a new one each time that it believes
/// the values at hand to be a little cheaper, which costs more than to execute it.
const BEGIN: &str = "begin; rollback; begin; set local plan_cache_mode = force_generic_plan";

/// Runs `work` in the transaction that the connection is in, and ends it.
async fn end<T, F>(connection: &mut PgConnection, work: F) -> Result<T, Error>
where
    T: Send,
    F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, Error>> + Send,
{
    let outcome = work(connection).await;
    let statement = if outcome.is_ok() {
        "commit"
    } else {
        "rollback"
    };
    let ended = sqlx::raw_sql(statement).execute(connection).await;
    let value = outcome?;
    ended?;
    Ok(value)
}

/// The settings of every session: nothing waits for ever, and plans use the indexes even when
/// the statistics are stale.
fn session_options(url: &str) -> Result<PgConnectOptions, Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.application_name("mobius").options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("timezone", "UTC"),
        ("jit", "off"),
        ("enable_seqscan", "off"),
    ]))
}
