//! Everything durable: all SQL, and the transactions that move runs and jobs.

/// Brings the schema of a database up to date.
///
/// # Errors
/// The database can't be reached, or a migration fails.
pub async fn migrate(database_url: &str) -> Result<(), sqlx::Error> {
    let pool = sqlx::PgPool::connect(database_url).await?;
    sqlx::migrate!("../migrations").run(&pool).await?;
    pool.close().await;
    Ok(())
}
