//! `GET /projects/{project}/tools`.

use mobius_test_support::factories::{one_step, spec};
use serde_json::json;

use crate::harness::TestServer;

const PATH: &str = "/projects/default/tools";

#[tokio::test]
async fn published_workflows_are_listed_with_a_schema_of_their_inputs() {
    let server = TestServer::start().await;
    let weather = spec(json!({
        "name": "weather", "description": "Tells the weather.",
        "inputs": [
            {"name": "city", "type": "string", "description": "Where."},
            {"name": "days", "type": "integer", "default": 3},
        ],
        "steps": [{"name": "a", "action": "echo"}],
    }));
    server.tenant.publish("weather", weather).await;
    server.tenant.publish("any", one_step()).await;
    server.tenant.save_workflow("hidden", one_step()).await;
    let list = server.owner.get(PATH).await.with_status(200);
    let draft = "http://json-schema.org/draft-07/schema#";
    let expected = json!({"items": [
        {"name": "any", "description": "", "input_schema": {
            "$schema": draft, "type": "object", "properties": {},
        }},
        {"name": "weather", "description": "Tells the weather.", "input_schema": {
            "$schema": draft, "type": "object", "required": ["city"],
                "additionalProperties": false, "properties": {
                "city": {"type": "string", "description": "Where."},
                "days": {"type": "integer", "default": 3},
            },
        }},
    ]});
    assert_eq!(list, expected);
}

#[tokio::test]
async fn a_new_version_and_the_end_of_publication_show_at_once() {
    let server = TestServer::start().await;
    let id = server.tenant.publish("tool", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let spec = json!({
        "name": "tool", "inputs": [{"name": "new", "type": "any"}],
        "steps": [{"name": "a", "action": "echo"}],
    });
    let change = json!({"spec": spec, "description": "Does more."});
    server.owner.patch(&path, &change).await.with_status(200);
    let list = server.owner.get(PATH).await.with_status(200);
    assert_eq!(list["items"][0]["description"], "Does more.");
    assert_eq!(
        list["items"][0]["input_schema"]["properties"],
        json!({"new": {}})
    );
    let hide = json!({"published_as_tool": false});
    server.owner.patch(&path, &hide).await.with_status(200);
    assert_eq!(
        server.owner.get(PATH).await.with_status(200),
        json!({"items": []})
    );
}
