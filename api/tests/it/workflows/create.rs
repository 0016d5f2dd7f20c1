//! `POST /projects/{project}/workflows`.

use mobius_test_support::inspect::row_counts;
use serde_json::{Value, json};

use crate::harness::{TestServer, echo_spec};

const PATH: &str = "/projects/default/workflows";

#[tokio::test]
async fn a_new_workflow_is_answered_and_found() {
    let server = TestServer::start().await;
    let new = json!({
        "name": "My Flow", "description": "d", "published_as_tool": true, "spec": echo_spec(),
    });
    let made = server.owner.post(PATH, &new).await.with_status(201);
    assert_eq!(made["name"], "My Flow");
    assert_eq!(made["handle"], "my-flow");
    assert_eq!(made["description"], "d");
    assert_eq!(made["published_as_tool"], true);
    assert_eq!(made["latest_version"], 1);
    assert_eq!(made["spec"], echo_spec());
    assert_eq!(made["created_by"], server.tenant.user.to_string());
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(server.owner.get(&path).await.with_status(200), made);
}

#[tokio::test]
async fn a_name_and_a_handle_are_taken_once_in_a_project() {
    let server = TestServer::start().await;
    server.tenant.another_project("other").await;
    let new = json!({"name": "a", "handle": "x", "spec": echo_spec()});
    server.owner.post(PATH, &new).await.with_status(201);
    let same_name = json!({"name": "a", "handle": "y", "spec": echo_spec()});
    let message = server
        .owner
        .post(PATH, &same_name)
        .await
        .error(409, "name_taken");
    assert!(message.starts_with("name: "), "{message}");
    let same_handle = json!({"name": "b", "handle": "x", "spec": echo_spec()});
    let message = server
        .owner
        .post(PATH, &same_handle)
        .await
        .error(409, "handle_taken");
    assert!(message.starts_with("handle: "), "{message}");
    server
        .owner
        .post("/projects/other/workflows", &new)
        .await
        .with_status(201);
}

#[tokio::test]
async fn all_problems_of_a_spec_are_told_at_once() {
    let server = TestServer::start().await;
    let before = row_counts(&mut *server.tenant.connection().await).await;
    let spec = json!({"name": "w", "steps": [
        {"name": "a", "action": "echo", "next": [{"step": "nowhere"}, {"step": "b", "condition": "1 +"}]},
        {"name": "b", "action": "echo", "parameters": {"x": "${unknown_name}"}},
        {"name": "alone", "action": "echo"},
        {"name": "a", "action": "echo", "retry": [{"base_delay": "soon"}]},
    ]});
    let answer = server
        .owner
        .post(PATH, &json!({"name": "w", "spec": spec}))
        .await;
    let message = answer.error(400, "invalid");
    for place in [
        "spec.steps[0].next[0].step: ",
        "spec.steps[0].next[1].condition: ",
        "spec.steps[1].parameters.x: ",
        "spec.steps[2]: no way leads to step `alone`",
        "spec.steps[3].name: ",
        "spec.steps[3].retry[0].base_delay: ",
    ] {
        assert!(message.contains(place), "no {place} in: {message}");
    }
    assert_eq!(
        row_counts(&mut *server.tenant.connection().await).await,
        before
    );
}

#[tokio::test]
async fn a_spec_may_have_256_kib_and_no_more() {
    let server = TestServer::start().await;
    let spec_of = |size: usize| -> Value {
        let mut spec =
            json!({"name": "w", "description": "", "steps": [{"name": "a", "action": "echo"}]});
        let frame = spec.to_string().len();
        spec["description"] = json!("x".repeat(size - frame));
        spec
    };
    let fits = json!({"name": "fits", "spec": spec_of(256 * 1024)});
    server.owner.post(PATH, &fits).await.with_status(201);
    let too_large = json!({"name": "too large", "spec": spec_of(256 * 1024 + 1)});
    let message = server
        .owner
        .post(PATH, &too_large)
        .await
        .error(413, "too_large");
    assert!(
        message.starts_with("spec: ") && message.contains("262144"),
        "{message}"
    );
}

#[tokio::test]
async fn what_a_step_may_hold_beside_the_contract_is_kept() {
    let server = TestServer::start().await;
    let spec = json!({"name": "w", "steps": [
        {"name": "a", "action": "echo", "layout": {"x": 1.5}, "colour": {"of": "an editor"}},
    ]});
    let new = json!({"name": "w", "spec": spec});
    let made = server.owner.post(PATH, &new).await.with_status(201);
    assert_eq!(made["spec"]["steps"], spec["steps"]);
}
