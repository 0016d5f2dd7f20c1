//! `GET /projects/{project}/workflows/{id}`.

use mobius_test_support::factories::{one_step, two_steps};
use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn a_workflow_is_read_with_its_newest_spec() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    let first = server.owner.get(&path).await.with_status(200);
    assert_eq!(first["spec"], json!(one_step()));
    server
        .owner
        .patch(&path, &json!({"spec": two_steps()}))
        .await
        .with_status(200);
    let second = server.owner.get(&path).await.with_status(200);
    assert_eq!(second["spec"], json!(two_steps()));
    assert_eq!(second["latest_version"], 2);
}
