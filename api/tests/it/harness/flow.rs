//! The steps that tests take on the way to what they are about, over HTTP.

use mobius_store::interactions::{self, InteractionFilter};
use mobius_test_support::factories::{RunDraft, Tenant, one_step, spec};
use mobius_types::{InteractionId, UserId, WorkflowSpec};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Answer, Caller};

/// The spec of one step with the action `echo`, as a client writes it.
pub(crate) fn echo_spec() -> Value {
    serde_json::to_value(one_step()).unwrap()
}

/// One of everything that a path can name.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    /// What stands for the project in front of everything: its handle or its id.
    pub(crate) project: String,
    pub(crate) project_id: String,
    pub(crate) workflow: String,
    pub(crate) run: String,
    pub(crate) job: String,
    /// The handle of the workflow, which is published as a tool.
    pub(crate) tool: String,
    pub(crate) interaction: String,
}

impl Ids {
    /// Makes one of everything in the project.
    pub(crate) async fn made_in(tenant: &Tenant) -> Ids {
        let workflow = tenant.publish("named", one_step()).await.id;
        let run = tenant.start(RunDraft::of_workflow(workflow)).await.id;
        Ids {
            project: tenant.project.to_string(),
            project_id: tenant.project.to_string(),
            workflow: workflow.to_string(),
            job: tenant.newest_job(run).await.id.to_string(),
            run: run.to_string(),
            tool: "named".to_owned(),
            interaction: asked_in(tenant).await.to_string(),
        }
    }
}

/// Starts a run that asks its owner for an approval; returns the interaction.
async fn asked_in(tenant: &Tenant) -> InteractionId {
    let run = tenant.start(RunDraft::of(approval(tenant.user))).await.id;
    let of_run = InteractionFilter {
        run: Some(run),
        ..InteractionFilter::default()
    };
    let mut connection = tenant.connection().await;
    let page = interactions::list(&mut connection, tenant.project, &of_run, None, 1).await;
    page.unwrap().items[0].id
}

/// A spec that asks a person for an approval and does no more.
pub(crate) fn approval(user: UserId) -> WorkflowSpec {
    asking(json!({
        "type": "approval", "message": "May it go on?", "timeout": "1h",
        "target": {"type": "user", "id": user.to_string()},
    }))
}

/// A spec that asks and does no more.
pub(crate) fn asking(interaction: Value) -> WorkflowSpec {
    spec(json!({"name": "asking", "steps": [{"name": "ask", "interaction": interaction}]}))
}

impl Caller {
    /// Starts an inline run of one step in the queue `default`; returns the run.
    pub(crate) async fn start(&self) -> Value {
        let body = json!({"spec": echo_spec()});
        let answer = self.post("/projects/default/runs", &body).await;
        answer.with_status(202)
    }

    /// Starts an inline run of a spec; returns the run.
    pub(crate) async fn start_of(&self, spec: &Value) -> Value {
        let body = json!({"spec": spec});
        let answer = self.post("/projects/default/runs", &body).await;
        answer.with_status(202)
    }

    /// Calls an operation on a run without a body.
    pub(crate) async fn act(&self, run: &Value, operation: &str) -> Answer {
        let path = run_path(run, operation);
        self.send(Method::POST, &path, None::<String>).await
    }

    /// Sends a signal that carries nothing.
    pub(crate) async fn signal(&self, run: &Value, name: &str) -> Answer {
        let signal = json!({"name": name});
        self.post(&run_path(run, "signals"), &signal).await
    }

    /// Reports that the claimed job failed.
    pub(crate) async fn fail(&self, job: &Value, worker: &str) -> Answer {
        let report = json!({
            "worker_id": worker, "attempt": job["attempt"], "status": "failed",
            "error_type": "broken", "error_message": "it broke",
        });
        self.post(&job_path(job, "complete"), &report).await
    }

    /// Claims without waiting; returns the job, or null.
    pub(crate) async fn claim(&self, worker: &str) -> Value {
        let answer = self.poll(worker, 0).await;
        assert!([200, 204].contains(&answer.status), "{answer:?}");
        answer.json()
    }

    /// A claim that waits.
    pub(crate) async fn poll(&self, worker: &str, seconds: u32) -> Answer {
        let body = json!({"worker_id": worker, "wait_seconds": seconds});
        self.post("/projects/default/jobs/claim", &body).await
    }

    /// Reports that the claimed job succeeded without a result.
    pub(crate) async fn complete(&self, job: &Value, worker: &str) -> Answer {
        let report = json!({
            "worker_id": worker, "attempt": job["attempt"], "status": "completed",
        });
        self.post(&job_path(job, "complete"), &report).await
    }

    /// A claim that is parked, and waits for longer than a test takes.
    pub(crate) async fn park(&self, worker: &str) -> JoinHandle<Answer> {
        let (caller, name) = (self.clone(), worker.to_owned());
        let poll = tokio::spawn(async move { caller.poll(&name, 30).await });
        self.await_parked(&[worker.to_owned()]).await;
        poll
    }

    /// Waits until all these workers stand parked, or have been answered. A worker is listed
    /// from the moment at which its claim is parked.
    pub(crate) async fn await_parked(&self, workers: &[String]) {
        loop {
            let list = self.get("/projects/default/workers").await.with_status(200);
            let seen = list["items"].as_array().unwrap();
            let is_seen = |worker: &String| seen.iter().any(|seen| seen["worker_id"] == **worker);
            if workers.iter().all(is_seen) {
                return;
            }
        }
    }

    /// A run as it stands.
    pub(crate) async fn run(&self, run: &Value) -> Value {
        let id = run["id"].as_str().unwrap();
        let answer = self.get(&format!("/projects/default/runs/{id}")).await;
        answer.with_status(200)
    }
}

/// The path of an operation on a run.
pub(crate) fn run_path(run: &Value, operation: &str) -> String {
    let id = run["id"].as_str().unwrap();
    format!("/projects/default/runs/{id}/{operation}")
}

/// The path of an operation on a claimed job.
pub(crate) fn job_path(job: &Value, operation: &str) -> String {
    let id = job["job_id"].as_str().unwrap();
    format!("/projects/default/jobs/{id}/{operation}")
}
