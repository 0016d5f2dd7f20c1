//! `PATCH /projects/{project}/workflows/{id}`.

use mobius_test_support::factories::{one_step, two_steps};
use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn a_new_spec_makes_a_new_version() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let changed = server
        .owner
        .patch(&path, &json!({"spec": two_steps()}))
        .await;
    let changed = changed.with_status(200);
    assert_eq!(changed["latest_version"], 2);
    assert_eq!(changed["spec"], json!(two_steps()));
    assert_eq!(changed["name"], "w");
}

#[tokio::test]
async fn a_new_name_makes_no_version_and_absent_fields_stay() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let change = json!({"name": "v", "description": "d", "published_as_tool": true});
    server.owner.patch(&path, &change).await.with_status(200);
    let same = server.owner.patch(&path, &json!({})).await.with_status(200);
    assert_eq!(same["latest_version"], 1);
    assert_eq!(same["name"], "v");
    assert_eq!(same["handle"], "w");
    assert_eq!(same["description"], "d");
    assert_eq!(same["published_as_tool"], true);
}

#[tokio::test]
async fn two_new_specs_at_once_make_two_versions() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let change = json!({"spec": two_steps()});
    let changes = (0..10).map(|_| server.owner.patch(&path, &change));
    let answers = futures_util::future::join_all(changes).await;
    let mut versions: Vec<i64> = answers
        .iter()
        .map(|answer| answer.with_status(200)["latest_version"].as_i64().unwrap())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=11).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_name_that_another_workflow_has_is_refused() {
    let server = TestServer::start().await;
    server.tenant.save_workflow("taken", one_step()).await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    server
        .owner
        .patch(&path, &json!({"name": "taken"}))
        .await
        .error(409, "name_taken");
    let still = server.owner.get(&path).await.with_status(200);
    assert_eq!(still["name"], "w");
}

#[tokio::test]
async fn a_bad_spec_changes_nothing() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let before = server.owner.get(&path).await.with_status(200);
    let change = json!({"name": "v", "spec": {"name": "w", "steps": []}});
    let message = server
        .owner
        .patch(&path, &change)
        .await
        .error(400, "invalid");
    assert!(message.contains("spec.steps: "), "{message}");
    assert_eq!(server.owner.get(&path).await.with_status(200), before);
}
