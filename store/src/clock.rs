//! The one clock, as tests and a virtual clock move it.

use std::time::Duration;

use mobius_types::Timestamp;
use sqlx::PgConnection;

use crate::Error;

/// What time it is.
///
/// # Errors
/// The database failed.
pub async fn now(connection: &mut PgConnection) -> Result<Timestamp, Error> {
    let now = sqlx::query_scalar!(r#"select mobius_now() as "now!""#)
        .fetch_one(connection)
        .await?;
    Ok(now)
}

/// Moves the clock forward for everybody who uses this database.
///
/// # Errors
/// The database failed.
pub async fn advance(connection: &mut PgConnection, by: Duration) -> Result<(), Error> {
    sqlx::query!(
        "update mobius_clock set ahead = ahead + make_interval(secs => $1)",
        by.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(())
}
