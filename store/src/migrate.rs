//! Brings the schema of a database up to date.

use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migrator};

use crate::Error;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Applies the migrations that the database lacks. Several processes may do so at once: an
/// advisory lock lets one of them work.
///
/// # Errors
/// The database can't be reached, is newer than this program, or refuses a statement.
pub async fn migrate(database_url: &str) -> Result<(), Error> {
    let mut connection = PgConnection::connect(database_url).await?;
    MIGRATOR
        .run(&mut connection)
        .await
        .map_err(sqlx::Error::from)?;
    connection.close().await?;
    Ok(())
}

/// Creates a database unless it is there. `url` leads to another database of the same server.
///
/// # Errors
/// The server can't be reached or refuses.
pub async fn create_database(url: &str, name: &str) -> Result<(), Error> {
    let mut connection = PgConnection::connect(url).await?;
    let exists = sqlx::query_scalar!(
        r#"select exists (select from pg_database where datname = $1) as "exists!""#,
        name,
    )
    .fetch_one(&mut connection)
    .await?;
    if !exists {
        // A name can't be a parameter here, so it is quoted as an identifier.
        let quoted = name.replace('"', "\"\"");
        let statement = format!("create database \"{quoted}\"");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// Whether the database has every migration of this program.
///
/// # Errors
/// The database can't be reached, or has no migrations at all.
pub async fn is_migrated(connection: &mut PgConnection) -> Result<bool, Error> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    let there = sqlx::query_scalar::<_, bool>("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(false);
    }
    let applied = sqlx::query_scalar::<_, Option<i64>>(
        "select max(version) from _sqlx_migrations where success",
    )
    .fetch_one(connection)
    .await?;
    Ok(applied >= newest)
}
