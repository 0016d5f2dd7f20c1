//! Work that is done with nothing but `mobius dev`.

use mobius_types::{JobStatus, StartRunRequest};
use mobius_worker_sdk::run_outputs;
use serde_json::{Value, json};

use crate::harness::{Credentials, Dev, Directory, completed};

/// Three stock actions, the last of which sees what the others gave.
fn greeting() -> Value {
    json!({
        "name": "greeting",
        "inputs": [{"name": "whom", "type": "string"}],
        "outputs": [{"name": "card", "variable": "card"}],
        "steps": [
            {"name": "say", "action": "print", "store": "said",
             "parameters": {"message": "hello, ${inputs.whom}"}, "next": [{"step": "look"}]},
            {"name": "look", "action": "time", "store": "clock", "next": [{"step": "write"}]},
            {"name": "write", "action": "json", "store": "card", "parameters":
             {"value": {"text": "${state.said.message}", "at": "${state.clock.unix_ms}"}}},
        ],
    })
}

#[tokio::test]
async fn a_stock_workflow_runs_from_start_to_result() {
    let directory = Directory::create();
    let dev = Dev::up(directory.path()).await;
    let client = Credentials::read(directory.path()).client();
    let request = StartRunRequest {
        spec: Some(serde_json::from_value(greeting()).unwrap()),
        inputs: json!({"whom": "you"}).as_object().cloned(),
        ..StartRunRequest::default()
    };
    let started = client.start_run(&request).await.unwrap();

    let run = completed(&client, started.id).await;
    let card = &run_outputs(&run).unwrap().unwrap()["card"];
    assert_eq!(card["text"], "hello, you");
    assert!(card["at"].as_i64().unwrap() > 0, "{card}");
    let steps: Vec<_> = run.jobs.iter().map(|job| job.step_name.as_str()).collect();
    assert_eq!(steps, ["say", "look", "write"]);
    for job in &run.jobs {
        assert_eq!((job.status, job.attempt), (JobStatus::Completed, 1));
    }
    dev.process.prints("hello, you").await;
}
