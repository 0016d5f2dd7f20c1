//! One step that runs once for each of many items: from the start to the end of the run.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::drain::work_off;
use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        client::Client,
        site::{PROJECT, runs_path},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// The workers, and how many jobs each claims and completes with a call.
const WORKERS: usize = 8;
const BATCH: usize = 50;

/// So many items.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct FanOut {
    pub(crate) items: usize,
}

/// A run, as far as the bench looks at it.
#[derive(Deserialize)]
struct Run {
    id: String,
    status: String,
}

/// Measures it.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let items = bench.amount(10_000);
    let case = Case::new(
        "each",
        format!("`each` of {items} items, end to end"),
        "items/s",
    );
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        let load = Load::FanOut(FanOut { items });
        let sample = bench.measure(&case, &stage, load).await?;
        bench
            .report
            .note(&case, "end to end s", sample.outcome.seconds);
    }
    bench.end(stage).await
}

impl FanOut {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let inputs = json!([{ "name": "items", "type": "array" }]);
        let step = json!({
            "name": "map",
            "each": { "items": "${inputs.items}" },
            "store": "results",
            "parameters": { "item": "${state.item}" },
        });
        let workflow = site.workflow(inputs, json!([step])).await?;
        let workers = site.connect_many(WORKERS).await?.into_iter().enumerate();
        let workers = workers
            .map(|(index, client)| Worker::new(client, index, &workflow.action, 5))
            .collect();
        let mut client = site.connect().await?;
        let items: Vec<usize> = (0..self.items).collect();
        let start = json!({ "definition_id": workflow.id, "inputs": { "items": items } });
        let start = start.to_string();
        gate.open().await?;
        let begun = Instant::now();
        let run: Option<Run> = client.ask(&runs_path(), start.as_bytes()).await?;
        let run = run.context("the started run was not returned")?;
        work_off(workers, self.items, BATCH).await?;
        wait_for_end(&mut client, &run.id).await?;
        Ok(Outcome::new(self.items, begun.elapsed().as_secs_f64()))
    }
}

/// The last item ended, so the run is about to.
async fn wait_for_end(client: &mut Client, id: &str) -> anyhow::Result<()> {
    let path = format!("{PROJECT}/runs/{id}");
    loop {
        let run: Run = client.get(&path).await?;
        if run.status == "completed" {
            return Ok(());
        }
        ensure!(run.status != "failed", "the run has failed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
