//! `DELETE /projects/{project}/workflows/{id}`.

use mobius_test_support::factories::{RunDraft, one_step};
use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn a_workflow_is_deleted_once_with_its_versions() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let deleted = server.owner.delete(&path).await;
    deleted.with_status(204);
    assert!(deleted.text.is_empty());
    server.owner.delete(&path).await.error(404, "not_found");
    for below in ["", "/versions", "/runs"] {
        let answer = server.owner.get(&format!("{path}{below}")).await;
        answer.error(404, "not_found");
    }
    let started = server.owner.post(&format!("{path}/runs"), &json!({})).await;
    started.error(404, "not_found");
}

#[tokio::test]
async fn runs_of_a_deleted_workflow_go_on() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let run = server.tenant.start(RunDraft::of_workflow(id)).await;
    let path = format!("/projects/default/workflows/{id}");
    server.owner.delete(&path).await.with_status(204);
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    let run = server.owner.run(&json!(run)).await;
    assert_eq!(run["status"], "completed");
    assert_eq!(run["spec"], json!(one_step()));
}
