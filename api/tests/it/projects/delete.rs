//! `DELETE /projects/{id}`.

use serde_json::json;

use crate::harness::{Ids, ROUTES, TestServer};

#[tokio::test]
async fn a_deleted_project_is_out_of_sight_at_once() {
    let server = TestServer::start().await;
    let by_id = Ids::made_in(&server.tenant).await;
    let by_handle = Ids {
        project: "default".to_owned(),
        ..by_id.clone()
    };
    server
        .owner
        .get("/projects/default/runs")
        .await
        .with_status(200);
    let path = format!("/projects/{}", server.tenant.project);
    let deleted = server.owner.delete(&path).await;
    deleted.with_status(204);
    assert!(deleted.text.is_empty());
    for ids in [&by_id, &by_handle] {
        for route in ROUTES.iter().filter(|route| route.path != "/projects") {
            let answer = route.call(&server.owner, &route.at(ids)).await;
            answer.error(404, "not_found");
        }
    }
    let list = server.owner.get("/projects").await.with_status(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_project_is_deleted_once() {
    let server = TestServer::start().await;
    let path = format!("/projects/{}", server.tenant.project);
    server.owner.delete(&path).await.with_status(204);
    server.owner.delete(&path).await.error(404, "not_found");
}

#[tokio::test]
async fn the_handle_of_a_deleted_project_is_free_again() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let path = format!("/projects/{}", server.tenant.project);
    server.owner.delete(&path).await.with_status(204);
    let again = server
        .owner
        .post("/projects", &json!({"name": "default"}))
        .await;
    let again = again.with_status(201);
    assert_ne!(again["id"], server.tenant.project.to_string());
    let runs = server
        .owner
        .get("/projects/default/runs")
        .await
        .with_status(200);
    assert_eq!(runs["items"], json!([]));
}
