//! Looks at a test database from outside, at what no product query tells.

use std::collections::BTreeMap;

use mobius_store::Db;
use sqlx::PgConnection;

/// How many rows each table has.
pub async fn row_counts(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select c.relname::text,
                (xpath('/row/n/text()',
                       query_to_xml(format('select count(*) as n from %I', c.relname),
                                    false, true, '')))[1]::text::bigint
         from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and not c.relispartition",
    )
    .fetch_all(connection)
    .await
    .expect("the tables of a test can be counted");
    rows.into_iter().collect()
}

/// How many transactions the database has committed, without those of this look: statements that
/// stand alone count as one each. `connections` is the size of the pool, all of which must be
/// free in a moment, because each session counts for itself until it is told to report.
pub async fn commits(db: &Db, connections: usize) -> i64 {
    let mut sessions = Vec::with_capacity(connections);
    for _ in 0..connections {
        sessions.push(db.acquire().await.expect("the pool is free in a moment"));
    }
    for session in &mut sessions {
        sqlx::raw_sql("select pg_stat_force_next_flush()")
            .execute(&mut **session)
            .await
            .expect("the session answers");
    }
    let observer = sessions.last_mut().expect("a pool has a connection");
    sqlx::query_scalar(
        "select xact_commit from pg_stat_database where datname = current_database()",
    )
    .fetch_one(&mut **observer)
    .await
    .expect("every database has statistics")
}

/// Keeps the server of a [`TestCluster`](crate::TestCluster) from working by itself, so that
/// [`commits`] counts those of the test alone. Never for the server that tests share.
pub async fn stop_autovacuum(connection: &mut PgConnection) {
    // One by one, because the first refuses to be part of a transaction.
    for statement in [
        "alter system set autovacuum = off",
        "select pg_reload_conf()",
    ] {
        sqlx::raw_sql(statement)
            .execute(&mut *connection)
            .await
            .expect("a test's own server belongs to it");
    }
}
