//! What a load works on: a control plane, its project, and the database below.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::client::Client;
use crate::process::order::Target;

/// The project's routes.
pub(crate) const PROJECT: &str = "/projects/default";

/// Where the load goes.
pub(crate) struct Site {
    pub(crate) target: Option<Target>,
    pub(crate) database_url: String,
}

impl Site {
    /// Opens an HTTP connection.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let target = self.target.as_ref().context("nothing serves here")?;
        Client::connect(target.address, &target.key).await
    }

    /// Opens several.
    pub(crate) async fn connect_many(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.connect().await?);
        }
        Ok(clients)
    }

    /// Opens a session with the database.
    pub(crate) async fn session(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database_url).await?)
    }

    /// Saves a workflow and returns its id. Its name is new, and the action of its steps has the
    /// same name, so that no load gets the jobs of the one before.
    pub(crate) async fn workflow(&self, inputs: Value, steps: Value) -> anyhow::Result<Workflow> {
        #[derive(Deserialize)]
        struct Saved {
            id: String,
        }
        let action = uuid::Uuid::now_v7().simple().to_string();
        let mut spec = json!({ "name": action, "inputs": inputs, "steps": steps });
        for step in spec["steps"].as_array_mut().into_iter().flatten() {
            if step.get("sleep").is_none() {
                step["action"] = json!(action);
            }
        }
        let body = json!({ "name": action, "spec": spec });
        let path = format!("{PROJECT}/workflows");
        let mut client = self.connect().await?;
        let saved: Option<Saved> = client.ask(&path, body.to_string().as_bytes()).await?;
        let saved = saved.context("the saved workflow was not returned")?;
        Ok(Workflow {
            id: saved.id,
            action,
        })
    }

    /// A workflow of so many steps, one after the other, each with a small parameter.
    pub(crate) async fn chain(&self, steps: usize) -> anyhow::Result<Workflow> {
        let step = |index: usize| {
            let mut step = json!({
                "name": format!("step-{index}"),
                "parameters": { "n": "${inputs.n}" },
            });
            if index + 1 < steps {
                step["next"] = json!([{ "step": format!("step-{}", index + 1) }]);
            }
            step
        };
        let inputs = json!([{ "name": "n", "type": "integer" }]);
        self.workflow(inputs, (0..steps).map(step).collect()).await
    }
}

/// A saved workflow.
#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    pub(crate) id: String,
    pub(crate) action: String,
}

impl Workflow {
    /// The body of a start.
    pub(crate) fn start(&self, n: usize) -> String {
        let id = &self.id;
        format!(r#"{{"definition_id":"{id}","inputs":{{"n":{n}}}}}"#)
    }
}

/// Where runs are started.
pub(crate) fn runs_path() -> String {
    format!("{PROJECT}/runs")
}
