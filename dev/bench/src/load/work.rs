//! What workers do: claim and complete, one by one or many with a call.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{client::Client, site::PROJECT};

/// A claimed job, as far as the bench looks at it.
#[derive(Debug, Deserialize)]
pub(crate) struct Claimed {
    pub(crate) job_id: String,
    pub(crate) attempt: i32,
    #[serde(default)]
    pub(crate) run_id: String,
    #[serde(default)]
    parameters: Value,
}

impl Claimed {
    /// The number that the start gave.
    pub(crate) fn n(&self) -> anyhow::Result<usize> {
        let n = self.parameters["n"].as_u64();
        Ok(usize::try_from(n.context("a job without its number")?)?)
    }
}

/// A worker on a connection of its own.
pub(crate) struct Worker {
    pub(crate) client: Client,
    id: String,
    claim: String,
    claim_path: String,
}

impl Worker {
    /// It asks for the jobs of one action and waits for them so many seconds.
    pub(crate) fn new(client: Client, index: usize, action: &str, wait_seconds: u32) -> Self {
        let id = format!("worker-{index}");
        let claim = json!({
            "worker_id": id,
            "actions": [action],
            "wait_seconds": wait_seconds,
        });
        Self {
            client,
            id,
            claim: claim.to_string(),
            claim_path: format!("{PROJECT}/jobs/claim"),
        }
    }

    /// Claims one job; none when none came while it waited.
    pub(crate) async fn claim(&mut self) -> anyhow::Result<Option<Claimed>> {
        let claim = self.claim.as_bytes();
        self.client.ask(&self.claim_path, claim).await
    }

    /// Reports one job as done.
    pub(crate) async fn complete(&mut self, job: &Claimed) -> anyhow::Result<()> {
        let path = format!("{PROJECT}/jobs/{}/complete", job.job_id);
        let report = format!(
            r#"{{"worker_id":"{}","attempt":{},"status":"completed"}}"#,
            self.id, job.attempt
        );
        self.client.post(&path, report.as_bytes()).await
    }

    /// Adds one event to the history of the job's run.
    pub(crate) async fn emit(&mut self, job: &Claimed, n: usize) -> anyhow::Result<()> {
        let path = format!("{PROJECT}/jobs/{}/events", job.job_id);
        let body = json!({
            "worker_id": self.id,
            "attempt": job.attempt,
            "events": [{ "type": "bench.tick", "payload": { "tick": n } }],
        });
        self.client.post(&path, body.to_string().as_bytes()).await
    }

    /// Claims up to so many jobs with one call.
    pub(crate) async fn claim_many(&mut self, most: usize) -> anyhow::Result<Vec<Claimed>> {
        #[derive(Deserialize)]
        struct Batch {
            items: Vec<Claimed>,
        }
        let mut claim: Value = serde_json::from_str(&self.claim)?;
        claim["max_jobs"] = json!(most);
        let path = format!("{PROJECT}/jobs/claims");
        let body = claim.to_string();
        let batch = self.client.ask::<Batch>(&path, body.as_bytes()).await?;
        Ok(batch.map_or_else(Vec::new, |batch| batch.items))
    }

    /// Reports jobs as done with one call. Each of them has to be accepted.
    pub(crate) async fn complete_many(&mut self, jobs: &[Claimed]) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Results {
            items: Vec<ItemResult>,
        }
        #[derive(Deserialize)]
        struct ItemResult {
            status: u16,
        }
        let report = |job: &Claimed| {
            json!({
                "job_id": job.job_id,
                "worker_id": self.id,
                "attempt": job.attempt,
                "status": "completed",
            })
        };
        let items: Vec<Value> = jobs.iter().map(report).collect();
        let body = json!({ "items": items }).to_string();
        let path = format!("{PROJECT}/jobs/completions");
        let results = self.client.ask::<Results>(&path, body.as_bytes()).await?;
        let results = results.context("no results of a batch")?.items;
        let refused = results.iter().find(|item| item.status >= 300);
        anyhow::ensure!(refused.is_none(), "a report of a batch was refused");
        Ok(())
    }
}
