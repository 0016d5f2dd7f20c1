//! The limit below: the rows of a durable run, written by plain SQL without anything above it.
//!
//! Three statements and three commits for each batch of runs, each on its own connection. A batch
//! of one is the control of all other figures, and the largest batch is the ceiling of what a
//! control plane can reach on this Postgres. The tables are smaller than the product's and have
//! fewer indexes, which makes the limit a high one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        crew::{Crew, Progress},
    },
    process::order::Outcome,
    report::Case,
};

/// How many sessions the control has.
pub(crate) const CONTROL_SESSIONS: usize = 16;

/// So many sessions, and so many runs with each statement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct SqlCycle {
    pub(crate) sessions: usize,
    pub(crate) batch: usize,
    pub(crate) milliseconds: u64,
}

/// What every figure is compared with: what a queue does that talks to Postgres job by job.
pub(crate) fn control(quick: bool) -> SqlCycle {
    SqlCycle {
        sessions: CONTROL_SESSIONS,
        batch: 1,
        milliseconds: if quick { 200 } else { 2_000 },
    }
}

/// Measures three sizes of batches.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let stage = bench.empty_stage().await?;
    let milliseconds = if bench.quick { 300 } else { 3_000 };
    for _ in bench.rounds() {
        bench.control().await?;
        for (batch, sessions) in [(1, CONTROL_SESSIONS), (10, 8), (100, 4)] {
            let label = format!("limit: SQL cycle, batches of {batch}, {sessions} sessions");
            let case = Case::new(format!("sql-{batch}"), label, "runs/s");
            let cycle = SqlCycle {
                sessions,
                batch,
                milliseconds,
            };
            bench.measure(&case, &stage, Load::SqlCycle(cycle)).await?;
        }
    }
    bench.end(stage).await
}

impl SqlCycle {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let mut first = site.session().await?;
        sqlx::raw_sql(include_str!("schema.sql"))
            .execute(&mut first)
            .await?;
        let mut sessions = vec![first];
        while sessions.len() < self.sessions {
            sessions.push(site.session().await?);
        }
        gate.open().await?;
        let progress = Arc::new(Progress::towards(usize::MAX));
        let mut crew = Crew::default();
        let begun = Instant::now();
        let limit = Duration::from_millis(self.milliseconds);
        for mut session in sessions {
            let progress = Arc::clone(&progress);
            crew.add(async move {
                while begun.elapsed() < limit {
                    progress.add(cycle(&mut session, self.batch).await?);
                }
                Ok(session.close().await?)
            });
        }
        crew.join().await?;
        Ok(Outcome::new(progress.done(), begun.elapsed().as_secs_f64()))
    }
}

/// Starts a batch, claims as many, completes them, and returns how many those were.
async fn cycle(session: &mut PgConnection, batch: usize) -> anyhow::Result<usize> {
    let ids = |_| Uuid::now_v7();
    let (runs, jobs): (Vec<Uuid>, Vec<Uuid>) =
        ((0..batch).map(ids).collect(), (0..batch).map(ids).collect());
    sqlx::query(include_str!("start.sql"))
        .bind(runs)
        .bind(jobs)
        .execute(&mut *session)
        .await?;
    let claimed: Vec<Uuid> = sqlx::query_scalar(include_str!("claim.sql"))
        .bind(i64::try_from(batch)?)
        .fetch_all(&mut *session)
        .await?;
    let completed = sqlx::query(include_str!("complete.sql"))
        .bind(claimed)
        .execute(&mut *session)
        .await?;
    Ok(usize::try_from(completed.rows_affected())?)
}
