//! `GET /projects/{project}/interactions/{id}`.

use serde_json::{Value, json};

use super::{of_run, path};
use crate::harness::{TestServer, asking};

#[tokio::test]
async fn it_says_what_is_asked_of_whom_until_when() {
    let server = TestServer::start().await;
    let user = server.tenant.user.to_string();
    let choice = json!({"mode": "select", "options": [{"value": "a", "label": "A"}]});
    let ask = asking(json!({
        "type": "review", "message": "Look at ${inputs.what}", "timeout": "1h",
        "context": {"what": "${inputs.what}"}, "spec": choice,
        "target": {"type": "user", "id": user},
    }));
    let body = json!({"spec": ask, "inputs": {"what": "it"}});
    let run = server
        .owner
        .post("/projects/default/runs", &body)
        .await
        .with_status(202);
    assert_eq!(run["status"], "suspended");
    let listed = of_run(&server, &run).await;
    let shown = server.owner.get(&path(&listed[0])).await.with_status(200);
    assert_eq!(shown, listed[0]);
    for (field, expected) in [
        ("run_id", run["id"].clone()),
        ("org_id", json!(server.tenant.org)),
        ("topic", json!("ask")),
        ("type", json!("review")),
        ("status", json!("pending")),
        ("message", json!("Look at it")),
        ("context", json!({"what": "it"})),
        ("spec", choice),
        ("target_actor", json!({"type": "member", "id": user})),
        ("response", Value::Null),
        ("responder_actor", Value::Null),
        ("completed_at", Value::Null),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    assert!(shown["expires_at"].as_str() > shown["created_at"].as_str());
}
