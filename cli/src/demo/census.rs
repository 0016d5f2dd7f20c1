//! Takes the census: one run that lists, counts and adds up, over HTTP.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use code_census::Summary;
use mobius_types::{BulkRunFilter, JsonObject, RunId, StartRunRequest, WorkflowRunStatus};
use mobius_worker_sdk::{Client, run_outputs};
use serde_json::json;

use super::Progress;

/// How often the run is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What was counted, and what it took.
pub(super) struct Outcome {
    pub(super) summary: Summary,
    /// From the start to the result.
    pub(super) took: Duration,
}

/// Counts the tree.
pub(super) async fn take(
    client: &Client,
    root: &Path,
    portion: u32,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let run = start(client, root, portion).await?;
    progress.begin("a run lists the files and counts them in portions, all at once");
    while status(client, run).await? != WorkflowRunStatus::Suspended {
        tokio::time::sleep(POLL).await;
    }
    progress.done();
    progress.say("all is counted; the run waits for a signal that somebody reads the result");
    client
        .signal_run(run, code_census::READER, JsonObject::new())
        .await?;
    while status(client, run).await? != WorkflowRunStatus::Completed {
        tokio::time::sleep(POLL).await;
    }
    let took = begun.elapsed();
    let outputs = run_outputs(&client.get_run(run).await?)?;
    let outputs = outputs.context("the run has no result")?;
    Ok(Outcome {
        summary: code_census::summary_of(&outputs)?,
        took,
    })
}

/// Starts the run with a spec of its own, so that nothing is left to be saved.
async fn start(client: &Client, root: &Path, portion: u32) -> anyhow::Result<RunId> {
    let inputs = [
        ("root".to_owned(), json!(root)),
        ("portion_size".to_owned(), json!(portion)),
    ];
    let request = StartRunRequest {
        spec: Some(code_census::workflow()),
        inputs: Some(inputs.into_iter().collect()),
        ..StartRunRequest::default()
    };
    let run = client.start_run(&request).await;
    Ok(run.context("the run was refused")?.id)
}

/// Where the run stands. The list of runs tells it without the thousands of jobs.
async fn status(client: &Client, id: RunId) -> anyhow::Result<WorkflowRunStatus> {
    let censuses = BulkRunFilter {
        workflow_type: Some(code_census::WORKFLOW.to_owned()),
        ..BulkRunFilter::default()
    };
    let page = client.list_runs(&censuses, None, None).await?;
    let run = page.items.into_iter().find(|run| run.id == id);
    let run = run.context("the run is gone")?;
    if run.status == WorkflowRunStatus::Failed {
        bail!("{id} failed: {}", run.error_message.unwrap_or_default());
    }
    Ok(run.status)
}
