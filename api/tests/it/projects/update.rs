//! `PATCH /projects/{id}`.

use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn a_change_is_answered_and_stays() {
    let server = TestServer::start().await;
    let path = format!("/projects/{}", server.tenant.project);
    let before = server.owner.get(&path).await.with_status(200);
    let change = json!({"name": "New", "description": "what for"});
    let after = server.owner.patch(&path, &change).await.with_status(200);
    assert_eq!(after["name"], "New");
    assert_eq!(after["description"], "what for");
    assert_eq!(after["handle"], before["handle"]);
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(server.owner.get(&path).await.with_status(200), after);
}

#[tokio::test]
async fn an_absent_field_stays_and_the_same_change_twice_is_one() {
    let server = TestServer::start().await;
    let path = format!("/projects/{}", server.tenant.project);
    let described = server
        .owner
        .patch(&path, &json!({"description": "d"}))
        .await;
    assert_eq!(described.with_status(200)["name"], "Default");
    for _ in 0..2 {
        let renamed = server
            .owner
            .patch(&path, &json!({"name": "n"}))
            .await
            .with_status(200);
        assert_eq!(renamed["name"], "n");
        assert_eq!(renamed["description"], "d");
    }
}

#[tokio::test]
async fn a_name_must_not_become_empty() {
    let server = TestServer::start().await;
    let path = format!("/projects/{}", server.tenant.project);
    let message = server.owner.patch(&path, &json!({"name": " "})).await;
    assert!(message.error(400, "bad_request").starts_with("name: "));
}
