//! Names with dots, stars and spaces, wherever a client can choose one.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, job_path, run_path};

/// Each would mean something else in a path, a pattern, a query or a template.
const NAMES: [&str; 8] = [
    "a.b",
    "*",
    "a b",
    ".",
    " x ",
    "${a}",
    "a'\"\\`[0]",
    "état.*",
];

/// A name as a text of an expression.
fn quoted(name: &str) -> String {
    serde_json::to_string(name).unwrap()
}

async fn complete(server: &Replica, job: &Value, result: &Value) {
    let report = json!({
        "worker_id": "w", "attempt": job["attempt"], "status": "completed",
        "result_b64": BASE64_STANDARD.encode(result.to_string()),
    });
    let answer = server.owner.post(&job_path(job, "complete"), &report).await;
    answer.with_status(204);
}

fn shown_result(run: &Value) -> Value {
    let shown = BASE64_STANDARD.decode(run["result_b64"].as_str().unwrap());
    serde_json::from_slice(&shown.unwrap()).unwrap()
}

#[tokio::test]
async fn inputs_outputs_metadata_and_parameters_have_any_name() {
    let server = TestServer::start().await;
    let declared: Vec<_> = NAMES
        .iter()
        .map(|name| json!({"name": name, "type": "string"}))
        .collect();
    let outputs: Vec<_> = NAMES
        .iter()
        .map(|name| json!({"name": name, "variable": "kept"}))
        .collect();
    let mut parameters = json!({});
    for name in NAMES {
        let name_text = quoted(name);
        let source = format!("inputs[{name_text}] + run.metadata[{name_text}]");
        parameters[name] = json!(format!("${{{source}}}"));
    }
    let spec = json!({"name": "w", "inputs": declared, "outputs": outputs, "steps": [
        {"name": "only", "action": "echo", "store": "kept", "parameters": parameters},
    ]});
    let given = |prefix: &str| -> Value {
        let fields = NAMES.iter();
        let fields = fields.map(|name| ((*name).to_owned(), json!(format!("{prefix}{name}"))));
        Value::Object(fields.collect())
    };
    let body = json!({"spec": spec, "inputs": given("i:"), "metadata": given("m:")});
    let answer = server.owner.post("/projects/default/runs", &body).await;
    let run = answer.with_status(202);
    assert_eq!(run["inputs"], given("i:"));
    assert_eq!(run["metadata"], given("m:"));
    let job = server.owner.claim("w").await;
    for name in NAMES {
        assert_eq!(job["parameters"][name], format!("i:{name}m:{name}"));
    }
    complete(&server, &job, &given("r:")).await;
    let result = shown_result(&server.owner.run(&run).await);
    for name in NAMES {
        assert_eq!(result[name], given("r:"));
    }
}

#[tokio::test]
async fn an_input_of_any_name_is_missed_by_its_name() {
    let server = TestServer::start().await;
    for name in NAMES {
        let spec = json!({"name": "w", "inputs": [{"name": name, "type": "string"}],
            "steps": [{"name": "only", "action": "echo"}]});
        let body = json!({"spec": spec});
        let answer = server.owner.post("/projects/default/runs", &body).await;
        let message = answer.error(400, "invalid");
        assert!(message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn keys_of_results_and_items_are_addressed_as_they_are() {
    let server = TestServer::start().await;
    let mut steps = vec![json!({
        "name": "give", "action": "give", "store": "given", "next": [{"step": "map"}],
    })];
    let mut picked = json!({});
    for name in NAMES {
        picked[name] = json!(format!("${{state.given[{}]}}", quoted(name)));
    }
    steps.push(json!({
        "name": "map", "action": "map", "each": {"items": "${state.given}"},
        "parameters": {"key": "${state.item.key}", "value": "${state.item.value}",
            "picked": picked},
    }));
    let run = server
        .owner
        .start_of(&json!({"name": "w", "steps": steps}))
        .await;
    let given: Value = Value::Object(
        NAMES
            .iter()
            .enumerate()
            .map(|(at, name)| ((*name).to_owned(), json!(at)))
            .collect(),
    );
    let job = server.owner.claim("w").await;
    complete(&server, &job, &given).await;
    let mut keys = Vec::new();
    for _ in NAMES {
        let job = server.owner.claim("w").await;
        let parameters = &job["parameters"];
        let key = parameters["key"].as_str().unwrap().to_owned();
        assert_eq!(parameters["value"], given[&key]);
        assert_eq!(parameters["picked"], given);
        keys.push(key);
        complete(&server, &job, &json!(null)).await;
    }
    keys.sort();
    let mut sorted = NAMES;
    sorted.sort_unstable();
    assert_eq!(keys, sorted);
    assert_eq!(server.owner.run(&run).await["status"], "completed");
}

/// Names are compared as they are: a star matches no other name, and no space is trimmed.
#[tokio::test]
async fn signals_have_any_name_and_payloads_any_key() {
    let server = TestServer::start().await;
    for name in NAMES.iter().copied().filter(|name| *name != "${a}") {
        let source = format!("${{state.got[{}]}}", quoted(name));
        let spec = json!({"name": "w",
        "inputs": [{"name": "topic", "type": "string"}],
        "steps": [
            {"name": "wait", "wait_signal": {"topic": name, "timeout": "1h", "store": "got"},
             "next": [{"step": "again"}]},
            {"name": "again", "next": [{"step": "see"}],
             "wait_signal": {"topic": "${inputs.topic}", "timeout": "1h"}},
            {"name": "see", "action": "see", "parameters": {"seen": source}},
        ]});
        let body = json!({"spec": spec, "inputs": {"topic": name}});
        let answer = server.owner.post("/projects/default/runs", &body).await;
        let run = answer.with_status(202);
        for other in NAMES.iter().filter(|other| **other != name) {
            server.owner.signal(&run, other).await.with_status(202);
        }
        assert_eq!(server.owner.run(&run).await["status"], "suspended");
        let mut payload = json!({});
        payload[name] = json!({"deep": [name]});
        for _ in 0..2 {
            let signal = json!({"name": name, "payload": payload});
            let answer = server.owner.post(&run_path(&run, "signals"), &signal).await;
            answer.with_status(202);
        }
        let job = server.owner.claim("w").await;
        assert_eq!(job["parameters"]["seen"], payload[name]);
        complete(&server, &job, &json!(null)).await;
        assert_eq!(server.owner.run(&run).await["status"], "completed");
    }
}

/// A variable is addressed by its bare name, so that it can have no other.
#[tokio::test]
async fn variables_have_bare_names_only() {
    let server = TestServer::start().await;
    for name in NAMES {
        let spec = json!({"name": "w", "steps": [
            {"name": "only", "action": "echo", "store": name},
            {"name": "wait", "wait_signal": {"topic": "t", "timeout": "1h", "store": name}},
        ]});
        let body = json!({"spec": spec});
        let answer = server.owner.post("/projects/default/runs", &body).await;
        let message = answer.error(400, "invalid");
        for place in ["steps[0].store", "steps[1].wait_signal.store"] {
            assert!(message.contains(place), "{message}");
        }
    }
}

#[tokio::test]
async fn steps_and_branches_have_any_name_and_joins_address_them() {
    let server = TestServer::start().await;
    let mut edges = vec![json!({"step": "join"})];
    let mut mappings = json!({});
    let mut steps = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        edges.push(json!({"step": name, "branch": name}));
        mappings[format!("{name}.given")] = json!(format!("v{at}"));
        steps.push(json!({"name": name, "action": "give", "store": "given"}));
    }
    steps.splice(
        0..0,
        [
            json!({"name": "fork", "action": "fork", "next": edges}),
            json!({"name": "join", "join": {"branches": NAMES, "branch_mappings": mappings},
                "next": [{"step": "see"}]}),
            json!({"name": "see", "action": "see", "parameters": {"all": "${state}"}}),
        ],
    );
    server
        .owner
        .start_of(&json!({"name": "w", "steps": steps}))
        .await;
    let fork = server.owner.claim("w").await;
    complete(&server, &fork, &json!(null)).await;
    for _ in NAMES {
        let job = server.owner.claim("w").await;
        complete(&server, &job, &job["step_name"]).await;
    }
    let job = server.owner.claim("w").await;
    for (at, name) in NAMES.iter().enumerate() {
        assert_eq!(job["parameters"]["all"][format!("v{at}")], *name, "{job}");
    }
}
