//! Timers: how long after its time a sleeping run goes on, when many are due together.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        crew::{Crew, Progress},
        durations::Durations,
        site::{Workflow, runs_path},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// Over how many connections the runs are started. Few, so that each is started at once and its
/// timer is due when it should be.
const STARTERS: usize = 32;

/// The workers to whom the jobs go, and how many each takes with a call.
const WORKERS: usize = 8;
const BATCH: usize = 50;

/// How often the database is asked whether all jobs are there.
const LOOK: Duration = Duration::from_millis(4);

/// How long may pass after the last timer's time.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many timers, due over so long a time; the first is due so long after the beginning.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Timers {
    pub(crate) timers: usize,
    pub(crate) lead_ms: u64,
    pub(crate) spread_ms: u64,
}

/// Measures them at one instant and over five seconds.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let timers = bench.amount(10_000);
    let (lead_ms, over_ms) = if bench.quick {
        (4_000, 1_000)
    } else {
        (8_000, 5_000)
    };
    let case = |id: &str, label: String| Case::new(id, label, "");
    let spread = case(
        "timers-spread",
        format!("{timers} timers over {} s", over_ms / 1_000),
    );
    let instant = case("timers-instant", format!("{timers} timers at one instant"));
    for _ in bench.rounds() {
        bench.control().await?;
        for (case, spread_ms) in [(&spread, over_ms), (&instant, 0)] {
            let stage = bench.stage().await?;
            let load = Timers {
                timers,
                lead_ms,
                spread_ms,
            };
            bench.measure(case, &stage, Load::Timers(load)).await?;
            bench.end(stage).await?;
        }
    }
    Ok(())
}

impl Timers {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = sleeping(site).await?;
        self.start_all(site, &workflow).await?;
        let mut session = site.session().await?;
        let clock = Clock::read(&mut session).await?;
        let due = due_times(&mut session).await?;
        ensure!(
            due.len() == self.timers,
            "some timers have fired already: start them earlier"
        );
        gate.open().await?;
        let begun = Instant::now();
        let lateness = match self.spread_ms {
            0 => watch(&mut session, &clock, &due).await?,
            _ => deliver(site, &workflow, clock, due).await?,
        };
        let outcome = Outcome::new(self.timers, begun.elapsed().as_secs_f64());
        Ok(lateness.add_to(outcome))
    }

    /// Starts all runs, each with the sleep that ends at its time.
    async fn start_all(self, site: &Site, workflow: &Workflow) -> anyhow::Result<()> {
        let first = Instant::now() + Duration::from_millis(self.lead_ms);
        let spread = Duration::from_millis(self.spread_ms);
        let mut crew = Crew::default();
        for (index, mut client) in site.connect_many(STARTERS).await?.into_iter().enumerate() {
            let id = workflow.id.clone();
            crew.add(async move {
                for n in (index..self.timers).step_by(STARTERS) {
                    let due = first + spread.mul_f64(n as f64 / self.timers as f64);
                    let sleep = due.saturating_duration_since(Instant::now());
                    let inputs = json!({ "n": n, "sleep": format!("{}us", sleep.as_micros()) });
                    let start = json!({ "definition_id": id, "inputs": inputs });
                    client
                        .post(&runs_path(), start.to_string().as_bytes())
                        .await?;
                }
                Ok(())
            });
        }
        crew.join().await
    }
}

/// A workflow whose runs sleep as long as they are told, and then have one job.
async fn sleeping(site: &Site) -> anyhow::Result<Workflow> {
    let inputs = json!([
        { "name": "n", "type": "integer" },
        { "name": "sleep", "type": "string" },
    ]);
    let steps = json!([
        { "name": "sleep", "sleep": { "duration": "${inputs.sleep}" }, "next": [{ "step": "work" }] },
        { "name": "work", "parameters": { "n": "${inputs.n}" } },
    ]);
    site.workflow(inputs, steps).await
}

/// Tells the time that the product goes by from the time that is measured here.
#[derive(Debug, Clone, Copy)]
struct Clock {
    instant: Instant,
    time: DateTime<Utc>,
}

impl Clock {
    /// Asks the database some times, and keeps the answer that came fastest: its error is at most
    /// half of the time that it took.
    async fn read(session: &mut PgConnection) -> anyhow::Result<Self> {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..20 {
            let before = Instant::now();
            let time = sqlx::query_scalar("select mobius_now()")
                .fetch_one(&mut *session)
                .await?;
            let took = before.elapsed();
            if best.is_none_or(|(fastest, _)| took < fastest) {
                let instant = before + took / 2;
                best = Some((took, Self { instant, time }));
            }
        }
        Ok(best.context("the clock was not read")?.1)
    }

    /// How long after a time it is at an instant; nothing when it is before.
    fn since(&self, time: DateTime<Utc>, instant: Instant) -> Duration {
        let passed = instant.duration_since(self.instant);
        let now = self.time + chrono::TimeDelta::from_std(passed).unwrap_or_default();
        (now - time).to_std().unwrap_or_default()
    }
}

/// When each run's timer is due, by the clock of the product.
async fn due_times(session: &mut PgConnection) -> anyhow::Result<HashMap<Uuid, DateTime<Utc>>> {
    let rows = sqlx::query_as::<_, (Uuid, DateTime<Utc>)>("select run_id, fires_at from timers");
    Ok(rows.fetch_all(session).await?.into_iter().collect())
}

/// Waits until all jobs can be claimed, and says how long after the last timer's time some were
/// not yet: a share of all for each look at the database.
async fn watch(
    session: &mut PgConnection,
    clock: &Clock,
    due: &HashMap<Uuid, DateTime<Utc>>,
) -> anyhow::Result<Arc<Durations>> {
    let last = due.values().max().copied().context("there are no timers")?;
    let lateness = Durations::default();
    while lateness.count() < due.len() {
        let count = "select count(*) from jobs where status = 'pending' and not server";
        let claimable: i64 = sqlx::query_scalar(count).fetch_one(&mut *session).await?;
        let late = clock.since(last, Instant::now());
        ensure!(
            late < PATIENCE,
            "{claimable} of {} timers have fired",
            due.len()
        );
        for _ in lateness.count()..usize::try_from(claimable)? {
            lateness.note(late);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Arc::new(lateness))
}

/// Has the jobs claimed by workers that wait for them, and says how long after its timer's time
/// each was in a worker's hands.
async fn deliver(
    site: &Site,
    workflow: &Workflow,
    clock: Clock,
    due: HashMap<Uuid, DateTime<Utc>>,
) -> anyhow::Result<Arc<Durations>> {
    let progress = Arc::new(Progress::towards(due.len()));
    let lateness = Arc::new(Durations::default());
    let due = Arc::new(due);
    let mut crew = Crew::default();
    for (index, client) in site.connect_many(WORKERS).await?.into_iter().enumerate() {
        let mut worker = Worker::new(client, index, &workflow.action, 5);
        let (due, lateness) = (Arc::clone(&due), Arc::clone(&lateness));
        let progress = Arc::clone(&progress);
        crew.add(async move {
            loop {
                let jobs = worker.claim_many(BATCH).await?;
                let arrived = Instant::now();
                for job in &jobs {
                    let id = job.run_id.trim_start_matches("run_").parse()?;
                    let time: &DateTime<Utc> = due.get(&id).context("an unknown run")?;
                    lateness.note(clock.since(*time, arrived));
                }
                progress.add(jobs.len());
            }
        });
    }
    tokio::time::timeout(PATIENCE, crew.until_reached(&progress))
        .await
        .context("not all timers have fired")??;
    Ok(lateness)
}
