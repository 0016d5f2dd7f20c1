//! Takes the census: one run that lists, one run for each portion, all of it over HTTP.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use code_census::{Census, Portion};
use mobius_types::{JsonObject, RunId, StartRunRequest, WorkflowRunStatus, WorkflowSpec};
use mobius_worker_sdk::{Client, run_outputs};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Progress;

/// How often a run that has not ended is asked for.
const POLL: Duration = Duration::from_millis(20);

/// What was counted, and what it took.
pub(super) struct Outcome {
    pub(super) census: Census,
    /// How many runs were started.
    pub(super) runs: usize,
    /// From the first start to the last result.
    pub(super) took: Duration,
}

/// Counts the tree.
pub(super) async fn take(
    client: &Client,
    root: &Path,
    portion: u32,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let [list, count] = code_census::workflows();
    let begun = Instant::now();
    let inputs = json!({ "root": root, "portion_size": portion });
    let listing = start(client, &list, inputs).await?;
    let portions = code_census::portions_of(&outputs(client, listing).await?)?;
    let files: usize = portions.iter().map(|portion| portion.files.len()).sum();
    progress.say(&format!(
        "{files} files are cut into {} portions",
        portions.len()
    ));
    let runs = start_all(client, &count, &portions).await?;
    progress.expect(runs.len());
    let mut parts = Vec::with_capacity(runs.len());
    for run in runs {
        parts.push(code_census::census_of(&outputs(client, run).await?)?);
        progress.step();
    }
    progress.done();
    Ok(Outcome {
        runs: parts.len() + 1,
        census: Census::merge(parts),
        took: begun.elapsed(),
    })
}

/// Starts one run for each portion, all at once: the server batches what arrives together.
async fn start_all(
    client: &Client,
    spec: &WorkflowSpec,
    portions: &[Portion],
) -> anyhow::Result<Vec<RunId>> {
    let mut starts = JoinSet::new();
    for portion in portions {
        let (client, spec) = (client.clone(), spec.clone());
        let inputs = serde_json::to_value(portion)?;
        starts.spawn(async move { start(&client, &spec, inputs).await });
    }
    starts.join_all().await.into_iter().collect()
}

/// Starts a run of an inline spec, so that nothing is left in a database that is not ours alone.
async fn start(client: &Client, spec: &WorkflowSpec, inputs: Value) -> anyhow::Result<RunId> {
    let Value::Object(inputs) = inputs else {
        bail!("inputs are an object")
    };
    let request = StartRunRequest {
        spec: Some(spec.clone()),
        inputs: Some(inputs),
        ..StartRunRequest::default()
    };
    Ok(client
        .start_run(&request)
        .await
        .context("a run was refused")?
        .id)
}

/// Waits until the run has ended, and reads what it gives back.
async fn outputs(client: &Client, id: RunId) -> anyhow::Result<JsonObject> {
    loop {
        let run = client.get_run(id).await?;
        match run.run.status {
            WorkflowRunStatus::Completed => {
                return run_outputs(&run)?.context("the run has no result");
            }
            WorkflowRunStatus::Failed => {
                bail!("{id} failed: {}", run.run.error_message.unwrap_or_default());
            }
            WorkflowRunStatus::Queued
            | WorkflowRunStatus::Running
            | WorkflowRunStatus::Suspended => tokio::time::sleep(POLL).await,
        }
    }
}
