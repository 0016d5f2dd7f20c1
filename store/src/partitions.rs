//! Weekly partitions of the history tables.

use sqlx::PgConnection;

use crate::Error;

/// How many weeks ahead partitions are made.
const WEEKS_AHEAD: i32 = 3;

/// Makes the history partitions that the next weeks need; returns how many were missing.
///
/// # Errors
/// The database failed. Rows of a week without a partition go to the default one meanwhile.
pub async fn ensure(connection: &mut PgConnection) -> Result<i64, Error> {
    let made = sqlx::query_scalar!(
        r#"select count(*) filter (where mobius_ensure_partition(
                      history.parent, history.key_column, mobius_now() + week * interval '7 days'))
                  as "made!"
           from (values ('run_events', 'created_at'), ('job_attempts', 'ended_at'))
                as history (parent, key_column)
           cross join generate_series(0, $1) as week"#,
        WEEKS_AHEAD,
    )
    .fetch_one(connection)
    .await?;
    Ok(made)
}
