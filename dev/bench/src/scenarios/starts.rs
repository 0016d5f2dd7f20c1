//! Starts alone: how fast runs are accepted when nobody works on them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        client::Client,
        crew::Crew,
        durations::Durations,
        site::{Workflow, runs_path},
    },
    process::order::Outcome,
    report::Case,
};

/// So many runs over so many connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Starts {
    pub(crate) callers: usize,
    pub(crate) runs: usize,
}

/// Measures it.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let case = Case::new("starts", "starts alone, 128 callers", "starts/s");
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        let starts = Starts {
            callers: 128,
            runs: bench.amount(80_000),
        };
        bench.measure(&case, &stage, Load::Starts(starts)).await?;
    }
    bench.end(stage).await
}

impl Starts {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = site.chain(1).await?;
        let clients = site.connect_many(self.callers).await?;
        gate.open().await?;
        let begun = Instant::now();
        let calls = start_runs(clients, workflow, self.runs).await?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(calls.add_to(Outcome::new(self.runs, seconds)))
    }
}

/// Starts so many runs, each connection one after the other, and notes how long each call took.
pub(crate) async fn start_runs(
    clients: Vec<Client>,
    workflow: Workflow,
    runs: usize,
) -> anyhow::Result<Arc<Durations>> {
    let shared = Arc::new((workflow, AtomicUsize::new(0)));
    let calls = Arc::new(Durations::default());
    let mut crew = Crew::default();
    for mut client in clients {
        let (shared, calls) = (Arc::clone(&shared), Arc::clone(&calls));
        crew.add(async move {
            let (workflow, next) = &*shared;
            let path = runs_path();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= runs {
                    return Ok(());
                }
                let called = Instant::now();
                client.post(&path, workflow.start(n).as_bytes()).await?;
                calls.note(called.elapsed());
            }
        });
    }
    crew.join().await?;
    Ok(calls)
}
