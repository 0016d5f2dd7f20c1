//! What it costs to keep workers waiting: queries, CPU and memory of parked polls, over a whole
//! window of theirs, so that each is answered and asked again once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::{
    bench::{Bench, Sample},
    load::{
        Gate, Load, Site,
        crew::{Crew, Progress},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// How long all stand parked before the measurement begins: what their coming caused is over, and
/// counted by the database, by then.
const SETTLE: Duration = Duration::from_secs(2);

/// So many polls of so many seconds each.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Polls {
    pub(crate) polls: usize,
    pub(crate) wait_seconds: u32,
}

/// Measures two numbers of polls, and none, each with a server of its own.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let wait_seconds = if bench.quick { 1 } else { 30 };
    for _ in bench.rounds() {
        bench.control().await?;
        let idle = Polls {
            polls: 0,
            wait_seconds: wait_seconds.min(10),
        };
        let idle = park(bench, &Case::new("polls-0", "no parked polls", ""), idle).await?;
        for full in [1_000, 10_000] {
            let polls = bench.amount(full);
            let case = Case::new(format!("polls-{full}"), format!("{polls} parked polls"), "");
            let load = Polls {
                polls,
                wait_seconds,
            };
            let parked = park(bench, &case, load).await?;
            let more = (queries_per_second(&parked) - queries_per_second(&idle)).max(0.0);
            bench.report.note(&case, "queries/s more than idle", more);
            let kilobytes =
                (parked.usage.server_megabytes - idle.usage.server_megabytes) * 1e3 / polls as f64;
            bench.report.note(&case, "kB a poll", kilobytes);
        }
    }
    Ok(())
}

async fn park(bench: &mut Bench, case: &Case, load: Polls) -> anyhow::Result<Sample> {
    let stage = bench.stage().await?;
    let sample = bench.measure(case, &stage, Load::Polls(load)).await?;
    let usage = sample.usage;
    let percent = (usage.server + usage.postgres) / usage.seconds * 100.0;
    bench
        .report
        .note(case, "queries/s", queries_per_second(&sample));
    bench.report.note(case, "server + Postgres CPU %", percent);
    bench.report.note(case, "server MB", usage.server_megabytes);
    bench.end(stage).await?;
    Ok(sample)
}

/// Each statement that stands alone is a transaction, so this counts both.
fn queries_per_second(sample: &Sample) -> f64 {
    sample.transactions as f64 / sample.usage.seconds
}

impl Polls {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = site.chain(1).await?;
        let answers = Arc::new(Progress::towards(usize::MAX));
        let mut crew = Crew::default();
        for (index, client) in site.connect_many(self.polls).await?.into_iter().enumerate() {
            let mut worker = Worker::new(client, index, &workflow.action, self.wait_seconds);
            let answers = Arc::clone(&answers);
            crew.add(async move {
                loop {
                    ensure!(worker.claim().await?.is_none(), "there are no jobs");
                    answers.add(1);
                }
            });
        }
        tokio::time::sleep(SETTLE).await;
        gate.open().await?;
        let begun = Instant::now();
        let window = Duration::from_secs(self.wait_seconds.into());
        tokio::select! {
            () = tokio::time::sleep(window) => {}
            failed = crew.until_reached(&answers), if self.polls > 0 => failed?,
        }
        Ok(Outcome::new(answers.done(), begun.elapsed().as_secs_f64()))
    }
}
