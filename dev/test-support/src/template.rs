//! The migrated database that test databases are cloned from.
//!
//! Its name depends on the migrations, so a server that outlives us never hands out an old
//! schema. It appears under that name only when it is complete, and an advisory lock lets one of
//! several test processes make it.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::server::with_database;

/// Any number that nobody else uses: "mobius" in hexadecimal.
const LOCK: i64 = 0x6d6f_6269_7573;

/// Makes the template where it is missing, and returns its name.
pub(crate) async fn ensure(admin: &Url) -> String {
    let name = format!("mobius_template_{:016x}", migrations_hash());
    let made = ensure_named(admin, &name).await;
    made.unwrap_or_else(|error| panic!("the template of the test databases: {error}"));
    name
}

async fn ensure_named(admin: &Url, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    let exists = sqlx::query_scalar("select exists(select from pg_database where datname = $1)");
    if !exists.bind(name).fetch_one(&mut connection).await? {
        make(&mut connection, admin, name).await?;
    }
    // Closing the connection releases the lock.
    connection.close().await
}

async fn make(connection: &mut PgConnection, admin: &Url, name: &str) -> Result<(), sqlx::Error> {
    let unfinished = format!("{name}_unfinished");
    // What a process that was killed at this point has left.
    execute(
        connection,
        format!("drop database if exists {unfinished} with (force)"),
    )
    .await?;
    execute(
        connection,
        format!("create database {unfinished} template template0"),
    )
    .await?;
    let migrated = mobius_store::migrate(&with_database(admin, &unfinished)).await;
    migrated.unwrap_or_else(|error| panic!("the migrations: {error}"));
    // A database can't be cloned while anybody is connected to it.
    execute(
        connection,
        format!("alter database {unfinished} allow_connections false"),
    )
    .await?;
    execute(
        connection,
        format!("alter database {unfinished} rename to {name}"),
    )
    .await
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(drop)
}

/// A hash of the names and contents of all migrations.
fn migrations_hash() -> u64 {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let files: BTreeMap<_, _> = fs::read_dir(dir)
        .expect("the workspace has migrations")
        .map(|entry| {
            entry
                .expect("a directory that was opened can be listed")
                .path()
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            (
                path.file_name().map(ToOwned::to_owned),
                fs::read(&path).ok(),
            )
        })
        .collect();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}
