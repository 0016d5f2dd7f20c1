//! Pausing over HTTP.

use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, echo_spec};

const QUEUES: &str = "/projects/default/queues";

async fn set(server: &Replica, path: &str, reason: &str) -> Value {
    let body = json!({"reason": reason}).to_string();
    let path = format!("/projects/default/{path}/pause");
    let answer = server
        .owner
        .send(reqwest::Method::PUT, &path, Some(body))
        .await;
    answer.with_status(200)
}

async fn lift(server: &Replica, path: &str) {
    let path = format!("/projects/default/{path}/pause");
    server.owner.delete(&path).await.with_status(204);
}

#[tokio::test]
async fn a_parked_claim_gets_nothing_of_a_paused_queue_until_it_goes_on() {
    let server = TestServer::start().await;
    let poll = server.owner.park("w").await;
    let pause = set(&server, "queues/default", "deploy").await;
    assert_eq!(pause["reason"], "deploy");
    assert_eq!(pause["kind"], "queue");
    let run = server.owner.start().await;
    assert_eq!(run["status"], "queued", "not handed to the parked claim");
    assert_eq!(server.owner.run(&run).await["status"], "queued");
    let listed = server.owner.get(QUEUES).await.with_status(200);
    assert_eq!(listed["items"][0]["queue"], "default");
    assert_eq!(listed["items"][0]["waiting"], 1);
    assert_eq!(listed["items"][0]["paused"], true);
    assert_eq!(listed["pauses"][0]["name"], "default");
    lift(&server, "queues/default").await;
    let job = poll.await.unwrap().with_status(200);
    assert_eq!(job["run_id"], run["id"]);
}

#[tokio::test]
async fn a_pause_set_at_one_replica_holds_for_claims_that_are_parked_at_another() {
    let server = TestServer::start().await;
    let other = server.another_replica().await;
    let poll = other.owner.park("w").await;
    set(&server, "queues/default", "deploy").await;
    for replica in [&other, &*server] {
        let run = replica.owner.start().await;
        assert_eq!(run["status"], "queued", "not handed to the parked claim");
    }
    assert!(other.owner.claim("another").await.is_null());
    assert!(!poll.is_finished());
    let listed = other.owner.get(QUEUES).await.with_status(200);
    assert_eq!(listed["items"][0]["waiting"], 2);
    lift(&server, "queues/default").await;
    poll.await.unwrap().with_status(200);
}

#[tokio::test]
async fn the_next_step_of_a_paused_action_goes_to_nobody() {
    let server = TestServer::start().await;
    let spec = json!({"name": "two", "steps": [
        {"name": "one", "action": "echo", "next": [{"step": "two"}]},
        {"name": "two", "action": "other/one two"}]});
    server.owner.start_of(&spec).await;
    let first = server.owner.poll("first", 10).await.with_status(200);
    set(&server, "actions/other%2Fone%20two", "broken").await;
    let poll = server.owner.park("second").await;
    server
        .owner
        .complete(&first, "first")
        .await
        .with_status(204);
    let listed = server.owner.get(QUEUES).await.with_status(200);
    assert_eq!(listed["items"][1]["action"], "other/one two");
    assert_eq!(listed["items"][1]["waiting"], 1);
    lift(&server, "actions/other%2Fone%20two").await;
    let second = poll.await.unwrap().with_status(200);
    assert_eq!(second["step_name"], "two");
}

#[tokio::test]
async fn names_and_reasons_are_bounded() {
    let server = TestServer::start().await;
    for name in ["x".repeat(256), "%00".to_owned(), "%20".to_owned()] {
        let path = format!("/projects/default/queues/{name}/pause");
        let answer = server
            .owner
            .send(reqwest::Method::PUT, &path, Some("{}"))
            .await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let body = json!({"reason": "x".repeat(10_001)}).to_string();
    let path = "/projects/default/queues/q/pause";
    let answer = server
        .owner
        .send(reqwest::Method::PUT, path, Some(body))
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(
        server.owner.start_of(&json!(echo_spec())).await["priority"],
        0
    );
}
