//! `POST /projects/{project}/runs` and `POST /projects/{project}/workflows/{id}/runs`.

use mobius_test_support::{
    factories::{one_step, spec, two_steps},
    inspect::row_counts,
};
use mobius_types::{JobId, WorkflowId};
use serde_json::{Value, json};

use crate::harness::{TestServer, echo_spec};

const PATH: &str = "/projects/default/runs";

fn with_inputs() -> mobius_types::WorkflowSpec {
    spec(json!({
        "name": "with-inputs",
        "inputs": [
            {"name": "must", "type": "string"},
            {"name": "count", "type": "integer", "default": 3},
            {"name": "flag", "type": "boolean"},
        ],
        "steps": [{"name": "a", "action": "echo", "parameters": {"n": "${inputs.count}"}}],
    }))
}

#[tokio::test]
async fn an_inline_run_is_accepted_and_its_job_waits() {
    let server = TestServer::start().await;
    let start = json!({
        "spec": echo_spec(), "queue": "q", "inputs": {"free": [1, null]},
        "metadata": {"team": "x"}, "external_id": "order-7",
    });
    let run = server.owner.post(PATH, &start).await.with_status(202);
    assert_eq!(run["status"], "queued");
    assert_eq!(run["attempt"], 1);
    assert_eq!(run["queue"], "q");
    assert_eq!(run["ephemeral"], true);
    assert_eq!(run["workflow_name"], "one-step");
    assert_eq!(run["metadata"], json!({"team": "x"}));
    assert_eq!(run["external_id"], "order-7");
    assert_eq!(run["actor_type"], "user");
    assert_eq!(run["actor_id"], server.tenant.user.to_string());
    assert_eq!(run["initiated_by"], "test");
    assert!(run.get("definition_id").is_none() && run.get("started_at").is_none());
    let detail = server.owner.run(&run).await;
    assert_eq!(detail["jobs"][0]["status"], "pending");
    assert_eq!(detail["jobs"][0]["queue"], "q");
}

#[tokio::test]
async fn a_saved_workflow_is_started_by_id_in_the_body_or_in_the_path() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let of_workflow = format!("/projects/default/workflows/{id}/runs");
    for (path, body) in [
        (PATH, json!({"definition_id": id})),
        (of_workflow.as_str(), json!({})),
        (of_workflow.as_str(), json!({"definition_id": id})),
    ] {
        let run = server.owner.post(path, &body).await.with_status(202);
        assert_eq!(run["definition_id"], id.to_string());
        assert_eq!(run["definition_version"], 1);
        assert_eq!(run["ephemeral"], false);
        assert_eq!(run["queue"], "default");
    }
}

#[tokio::test]
async fn the_newest_version_runs() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let old = server
        .owner
        .post(&format!("{path}/runs"), &json!({}))
        .await
        .with_status(202);
    server
        .owner
        .patch(&path, &json!({"spec": two_steps()}))
        .await
        .with_status(200);
    let new = server
        .owner
        .post(&format!("{path}/runs"), &json!({}))
        .await
        .with_status(202);
    assert_eq!(new["definition_version"], 2);
    assert_eq!(server.owner.run(&new).await["spec"], json!(two_steps()));
    assert_eq!(server.owner.run(&old).await["spec"], json!(one_step()));
}

#[tokio::test]
async fn the_same_start_twice_makes_two_runs() {
    let server = TestServer::start().await;
    let start = json!({"spec": echo_spec(), "external_id": "same"});
    let first = server.owner.post(PATH, &start).await.with_status(202);
    let second = server.owner.post(PATH, &start).await.with_status(202);
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn a_start_names_exactly_one_thing_to_run() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let before = row_counts(&mut *server.tenant.connection().await).await;
    let of_workflow = format!("/projects/default/workflows/{id}/runs");
    let another = WorkflowId::generate();
    for (path, body, says) in [
        (PATH, json!({}), "one of `definition_id` and `spec`"),
        (
            PATH,
            json!({"definition_id": id, "spec": echo_spec()}),
            "exclude each other",
        ),
        (of_workflow.as_str(), json!({"spec": echo_spec()}), "spec: "),
        (
            of_workflow.as_str(),
            json!({"definition_id": another}),
            "definition_id: ",
        ),
    ] {
        let message = server
            .owner
            .post(path, &body)
            .await
            .error(400, "bad_request");
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(
        row_counts(&mut *server.tenant.connection().await).await,
        before
    );
}

#[tokio::test]
async fn a_workflow_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    for id in [
        WorkflowId::generate().to_string(),
        JobId::generate().to_string(),
        "w".to_owned(),
        String::new(),
    ] {
        let answer = server.owner.post(PATH, &json!({"definition_id": id})).await;
        assert_eq!(answer.error(404, "not_found"), "workflow not found");
    }
}

#[tokio::test]
async fn every_problem_of_the_inputs_is_told_at_once() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", with_inputs()).await.id;
    let before = row_counts(&mut *server.tenant.connection().await).await;
    let start = json!({"definition_id": id, "inputs": {"count": "many", "flag": 1}});
    let message = server.owner.post(PATH, &start).await.error(400, "invalid");
    for place in ["inputs.must", "inputs.count", "inputs.flag"] {
        assert!(message.contains(place), "no {place} in: {message}");
    }
    assert_eq!(
        row_counts(&mut *server.tenant.connection().await).await,
        before
    );
}

#[tokio::test]
async fn absent_inputs_take_their_defaults() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", with_inputs()).await.id;
    let start = json!({"definition_id": id, "inputs": {"must": "x", "flag": false}});
    let run = server.owner.post(PATH, &start).await.with_status(202);
    assert_eq!(
        run["inputs"],
        json!({"must": "x", "flag": false, "count": 3})
    );
    let job = server.owner.claim("w").await;
    assert_eq!(job["parameters"], json!({"n": 3}));
}

#[tokio::test]
async fn a_bad_inline_spec_is_told_with_all_its_places_and_leaves_nothing() {
    let server = TestServer::start().await;
    let before = row_counts(&mut *server.tenant.connection().await).await;
    let bad = json!({"name": "w", "start_at": "x", "steps": [
        {"name": "a"},
        {"name": "b", "action": "echo", "next": [{"step": "c"}]},
    ]});
    let message = server
        .owner
        .post(PATH, &json!({"spec": bad}))
        .await
        .error(400, "invalid");
    for place in [
        "spec.start_at: ",
        "spec.steps[0]: ",
        "spec.steps[1].next[0].step: ",
    ] {
        assert!(message.contains(place), "no {place} in: {message}");
    }
    assert_eq!(
        row_counts(&mut *server.tenant.connection().await).await,
        before
    );
}

#[tokio::test]
async fn inputs_may_have_one_mib() {
    let server = TestServer::start().await;
    let frame = json!({"a": ""}).to_string().len();
    let fits = "x".repeat(1024 * 1024 - frame);
    let start = |text: &str| json!({"spec": echo_spec(), "inputs": {"a": text}});
    let run = server
        .owner
        .post(PATH, &start(&fits))
        .await
        .with_status(202);
    assert_eq!(run["inputs"]["a"], fits);
    let message = server.owner.post(PATH, &start(&format!("{fits}x"))).await;
    assert!(message.error(413, "too_large").starts_with("inputs: "));
}

/// Everything a client can put into a text goes in and comes out again.
#[tokio::test]
async fn texts_survive_as_they_were_sent() {
    let server = TestServer::start().await;
    let inputs: Value = json!({
        "": "empty key", "a\"b\\c": "quotes", "emoji": "🦀", "rtl": "\u{202e}", "lines": "a\r\n\tb",
        "sql": "'; drop table runs; --", "percent": "%_*", "big": 9_007_199_254_740_993_i64,
        "float": 1.5e300, "null": null, "deep": [[[[{"x": []}]]]], "u": "\\u0000",
    });
    let start = json!({"spec": echo_spec(), "inputs": inputs, "queue": "q ue%ue*'ü"});
    let run = server.owner.post(PATH, &start).await.with_status(202);
    assert_eq!(run["inputs"], inputs);
    let read = server.owner.run(&run).await;
    assert_eq!(read["inputs"], inputs);
    assert_eq!(read["queue"], "q ue%ue*'ü");
    let claim = json!({"worker_id": "w", "queues": ["q ue%ue*'ü"]});
    let job = server
        .owner
        .post("/projects/default/jobs/claim", &claim)
        .await;
    assert_eq!(job.with_status(200)["run_id"], run["id"]);
}
