//! The part of the people: three payments, of which one is approved and released, one refused, and
//! one forgotten.

use std::time::Duration;

use anyhow::{Context, bail};
use mobius_worker_sdk::{
    Client, ClientError, run_outputs,
    types::{JsonObject, RunId, StartRunRequest, WorkflowRunDetail, WorkflowRunStatus},
};
use serde_json::{Value, json};

use crate::workflow;

/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(50);

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// `paid`, `refused` or `expired`.
    pub outcome: String,
}

/// Plays it; a worker with the actions must be there.
///
/// # Errors
/// A call failed, or a run did not end as it should.
pub async fn play(client: &Client) -> anyhow::Result<Vec<Outcome>> {
    let released = start(client, 120.0, "1h").await?;
    let refused = start(client, 9_000.0, "1h").await?;
    let forgotten = start(client, 35.5, "2s").await?;
    // It would be stored, and wait for its step, if it came earlier.
    decide(client, released, true).await?;
    decide(client, refused, false).await?;
    release(client, released).await?;
    let mut outcomes = Vec::new();
    for run in [released, refused, forgotten] {
        let outcome = outcome(&ended(client, run).await?)?;
        outcomes.push(Outcome { run, outcome });
    }
    Ok(outcomes)
}

async fn start(client: &Client, amount: f64, patience: &str) -> anyhow::Result<RunId> {
    let request = StartRunRequest {
        spec: Some(workflow()),
        inputs: Some(object(json!({"amount": amount, "patience": patience}))),
        ..StartRunRequest::default()
    };
    let run = client.start_run(&request).await?;
    println!("{} was started over {amount}", run.id);
    Ok(run.id)
}

async fn decide(client: &Client, run: RunId, approved: bool) -> anyhow::Result<()> {
    let decision = object(json!({"approved": approved, "by": "the example"}));
    client.signal_run(run, "decision", decision).await?;
    Ok(())
}

/// Resumes the run once it is held.
async fn release(client: &Client, run: RunId) -> anyhow::Result<()> {
    loop {
        match client.resume_run(run).await {
            // The decision is not reached yet.
            Err(ClientError::Api { code, .. }) if code == "not_paused" => {
                tokio::time::sleep(POLL).await;
            }
            released => return Ok(released?),
        }
    }
}

async fn ended(client: &Client, run: RunId) -> anyhow::Result<WorkflowRunDetail> {
    loop {
        let run = client.get_run(run).await?;
        if run.run.status.is_terminal() {
            return Ok(run);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn outcome(run: &WorkflowRunDetail) -> anyhow::Result<String> {
    if run.run.status != WorkflowRunStatus::Completed {
        let why = run.run.error_message.as_deref().unwrap_or_default();
        bail!("{} failed: {why}", run.run.id);
    }
    let outputs = run_outputs(run)?.context("the run has no result")?;
    let outcome = outputs.get("outcome").and_then(Value::as_str);
    Ok(outcome.context("the run says no outcome")?.to_owned())
}

fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else {
        unreachable!("only objects are given here")
    };
    object
}
