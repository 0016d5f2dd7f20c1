//! Runs of small workflows over the stock actions.

use mobius_types::{
    Job, RunId, StartRunRequest, WorkflowRunDetail, WorkflowRunStatus, WorkflowSpec,
};
use mobius_worker_sdk::Client;
use serde_json::{Value, json};

use super::until;

/// A spec as its author would write it.
fn spec(body: Value) -> WorkflowSpec {
    serde_json::from_value(body).unwrap()
}

/// One step that sleeps in the worker.
pub(crate) fn nap(duration: &str) -> WorkflowSpec {
    spec(json!({
        "name": "nap",
        "steps": [{"name": "nap", "action": "sleep", "parameters": {"duration": duration},
                   "store": "nap"}],
    }))
}

/// One step that takes no time.
pub(crate) fn json_step() -> WorkflowSpec {
    spec(json!({
        "name": "json",
        "steps": [{"name": "only", "action": "json", "parameters": {"value": 1}}],
    }))
}

/// Starts a run.
pub(crate) async fn start(client: &Client, spec: WorkflowSpec) -> RunId {
    let request = StartRunRequest {
        spec: Some(spec),
        ..StartRunRequest::default()
    };
    client.start_run(&request).await.unwrap().id
}

/// The run, once it is completed.
pub(crate) async fn completed(client: &Client, id: RunId) -> WorkflowRunDetail {
    until("the run is completed", async || {
        let run = client.get_run(id).await.unwrap();
        assert_ne!(run.run.status, WorkflowRunStatus::Failed, "{run:?}");
        (run.run.status == WorkflowRunStatus::Completed).then_some(run)
    })
    .await
}

/// The only job of a run, once it is as wanted.
pub(crate) async fn the_job(client: &Client, run: RunId, wanted: impl Fn(&Job) -> bool) -> Job {
    until("the job is as wanted", async || {
        let mut jobs = client.get_run(run).await.unwrap().jobs;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.pop().filter(&wanted)
    })
    .await
}

/// Waits until this worker's claim is parked. The id must be new: an earlier claim would do.
pub(crate) async fn parked(client: &Client, worker: &str) {
    until("the claim is parked", async || {
        let seen = client.list_workers().await.unwrap().items;
        seen.iter()
            .any(|seen| seen.worker_id == worker)
            .then_some(())
    })
    .await;
}
