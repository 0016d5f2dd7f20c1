//! Interactions that the steps of runs open.

mod list;
mod read;
mod respond;

use serde_json::Value;

use crate::harness::TestServer;

/// The interactions of a run, newest first.
async fn of_run(server: &TestServer, run: &Value) -> Vec<Value> {
    let id = run["id"].as_str().unwrap();
    let path = format!("/projects/default/interactions?run_id={id}");
    let list = server.owner.get(&path).await.with_status(200);
    list["items"].as_array().unwrap().clone()
}

fn path(interaction: &Value) -> String {
    let id = interaction["id"].as_str().unwrap();
    format!("/projects/default/interactions/{id}")
}
