//! `GET /projects/{project}/workers`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::TestServer;

async fn workers(server: &TestServer) -> Vec<Value> {
    let list = server
        .owner
        .get("/projects/default/workers")
        .await
        .with_status(200);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_worker_is_listed_as_soon_as_it_has_claimed() {
    let server = TestServer::start().await;
    assert!(workers(&server).await.is_empty());
    let claim = json!({"worker_id": "w-1", "worker_name": "Walter", "worker_version": "1.2"});
    server
        .owner
        .post("/projects/default/jobs/claim", &claim)
        .await
        .with_status(204);
    let listed = workers(&server).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["worker_id"], "w-1");
    assert_eq!(listed[0]["name"], "Walter");
    assert_eq!(listed[0]["version"], "1.2");
    assert_eq!(listed[0]["stale"], false);
    assert!(listed[0]["last_seen_at"].is_string());
}

#[tokio::test]
async fn a_worker_that_claims_twice_is_listed_once_and_last_seen_comes_first() {
    let server = TestServer::start().await;
    for worker in ["a", "b", "a"] {
        assert!(server.owner.claim(worker).await.is_null());
        workers(&server).await;
    }
    let listed = workers(&server).await;
    let ids: Vec<_> = listed.iter().map(|worker| &worker["worker_id"]).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn a_worker_that_has_not_claimed_for_two_minutes_is_stale() {
    let server = TestServer::start().await;
    assert!(server.owner.claim("gone").await.is_null());
    assert_eq!(workers(&server).await[0]["stale"], false);
    server.tenant.advance_clock(Duration::from_secs(121)).await;
    assert!(server.owner.claim("here").await.is_null());
    let listed = workers(&server).await;
    let stale: Vec<_> = listed.iter().map(|worker| &worker["stale"]).collect();
    assert_eq!(stale, [false, true]);
}
