//! Fills the tables with copies of a run that the product itself has finished, so that they have
//! the shape that it stores, whatever columns the tables have.

use std::time::Instant;

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// How many runs a statement makes.
const CHUNK: i64 = 100_000;

/// The time in the copies' ids lies so many milliseconds before that of the run: all copies sort
/// before what is started later, as a history does.
const AGE_MILLISECONDS: i64 = 100_000_000;

/// A table, and what stands in a copy instead of some of its columns.
struct Table {
    name: &'static str,
    /// Rows that belong to no run are not copied.
    condition: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 4] = [
    Table {
        name: "runs",
        condition: "source.status::text = 'completed'",
        columns: &[("id", "pg_temp.copied_id(measures.base, n, 'a')")],
    },
    Table {
        name: "run_labels",
        condition: "true",
        columns: &[("run_id", "pg_temp.copied_id(measures.base, n, 'a')")],
    },
    Table {
        name: "jobs",
        condition: "source.status::text = 'completed'",
        columns: &[
            ("id", "pg_temp.copied_id(measures.base, n, 'b')"),
            ("run_id", "pg_temp.copied_id(measures.base, n, 'a')"),
        ],
    },
    Table {
        name: "run_events",
        condition: "true",
        columns: &[
            ("run_id", "pg_temp.copied_id(measures.base, n, 'a')"),
            (
                "first_seq",
                "source.first_seq + measures.head + (n - measures.first) * measures.frames",
            ),
            (
                "last_seq",
                "source.last_seq + measures.head + (n - measures.first) * measures.frames",
            ),
        ],
    },
];

/// The id of the `n`th copy: a UUIDv7 of a time ten of which share a millisecond.
const COPIED_ID: &str = "create function pg_temp.copied_id(base bigint, n bigint, kind text) \
     returns uuid language sql immutable as $$ \
     select (lpad(to_hex(base + n / 10), 12, '0') || '7' || lpad(to_hex(n % 10), 3, '0') \
             || '8' || kind || lpad(to_hex(n), 14, '0'))::uuid $$";

/// Makes the copies from one number to another, beside what is there.
pub(super) async fn copy_finished(url: &str, from: i64, to: i64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut session = PgConnection::connect(url).await?;
    execute(&mut session, COPIED_ID.to_owned()).await?;
    if from == 0 {
        keep_source(&mut session).await?;
    }
    measure_source(&mut session, from).await?;
    let mut first = from;
    while first < to {
        let last = (first + CHUNK).min(to) - 1;
        for table in &TABLES {
            copy(&mut session, table, first, last).await?;
        }
        first = last + 1;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("  {first} of {to} finished runs are there after {seconds:.0} s");
    }
    count_events(&mut session, to - from).await?;
    for table in &TABLES {
        execute(&mut session, format!("vacuum (analyze) {}", table.name)).await?;
    }
    Ok(session.close().await?)
}

/// Keeps the rows that are copied in tables of their own: those of the one run that is there when
/// the first copies are made.
async fn keep_source(session: &mut PgConnection) -> anyhow::Result<()> {
    for Table {
        name, condition, ..
    } in &TABLES
    {
        let statement =
            format!("create table source_{name} as select * from {name} source where {condition}");
        execute(session, statement).await?;
    }
    Ok(())
}

/// What the copies' ids and numbers are made from: theirs follow the newest of the project.
async fn measure_source(session: &mut PgConnection, first: i64) -> anyhow::Result<()> {
    let statement = format!(
        "drop table if exists source_measures; \
         create table source_measures as \
         select {first}::bigint as first, \
                (select max(event_seq) from project_counters) as head, \
                (select max(last_seq) from source_run_events) as frames, \
                (extract(epoch from created_at) * 1000)::bigint - {AGE_MILLISECONDS} as base \
         from source_runs"
    );
    execute(session, statement).await
}

async fn copy(
    session: &mut PgConnection,
    table: &Table,
    first: i64,
    last: i64,
) -> anyhow::Result<()> {
    let name = table.name;
    let columns: Vec<String> = sqlx::query_scalar(
        "select quote_ident(attname) from pg_attribute \
         where attrelid = $1::text::regclass and attnum > 0 and not attisdropped \
         order by attnum",
    )
    .bind(name)
    .fetch_all(&mut *session)
    .await?;
    let value = |column: &String| {
        let replaced = table.columns.iter().find(|(name, _)| name == column);
        replaced.map_or_else(|| format!("source.{column}"), |(_, new)| (*new).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let statement = format!(
        "insert into {name} ({}) select {} \
         from generate_series({first}::bigint, {last}::bigint) as n \
         cross join source_measures measures cross join source_{name} source",
        columns.join(", "),
        values.join(", "),
    );
    let copied = execute(session, statement).await;
    copied.with_context(|| format!("copying rows of {name}"))
}

/// Events that follow are numbered after those of the copies.
async fn count_events(session: &mut PgConnection, copies: i64) -> anyhow::Result<()> {
    let statement = format!(
        "update project_counters \
         set event_seq = event_seq + (select frames * ({copies} + 1) from source_measures)"
    );
    execute(session, statement).await
}

async fn execute(session: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(session)
        .await?;
    Ok(())
}
