//! `POST /projects/{project}/runs/{id}/retries`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestServer, run_path};

fn two_steps() -> Value {
    json!({"name": "two", "steps": [
        {"name": "first", "action": "echo", "next": [{"step": "second"}]},
        {"name": "second", "action": "echo"},
    ]})
}

/// A run whose first step is completed and whose second one has failed.
async fn failed_in_the_second_step(server: &TestServer) -> Value {
    let run = server.owner.start_of(&two_steps()).await;
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    let job = server.owner.claim("w").await;
    server.owner.fail(&job, "w").await.with_status(204);
    let run = server.owner.run(&run).await;
    assert_eq!(run["status"], "failed");
    run
}

#[tokio::test]
async fn a_failed_run_goes_on_at_the_step_that_failed() {
    for body in [None, Some("{}"), Some(r#"{"from":"failure"}"#)] {
        let server = TestServer::start().await;
        let run = failed_in_the_second_step(&server).await;
        let path = run_path(&run, "retries");
        let answer = server.owner.send(Method::POST, &path, body).await;
        let retried = answer.with_status(202);
        assert_eq!(
            (&retried["id"], &retried["attempt"]),
            (&run["id"], &json!(2))
        );
        assert_eq!(retried["status"], "queued");
        assert!(retried.get("error_message").is_none() && retried.get("completed_at").is_none());
        let again = server.owner.send(Method::POST, &path, body).await;
        again.error(409, "not_failed");
        let job = server.owner.claim("w").await;
        assert_eq!(job["step_name"], "second");
        server.owner.complete(&job, "w").await.with_status(204);
        assert_eq!(server.owner.run(&run).await["status"], "completed");
    }
}

#[tokio::test]
async fn a_failed_run_can_begin_anew() {
    let server = TestServer::start().await;
    let run = failed_in_the_second_step(&server).await;
    let path = run_path(&run, "retries");
    let answer = server.owner.post(&path, &json!({"from": "start"})).await;
    answer.with_status(202);
    for step in ["first", "second"] {
        let job = server.owner.claim("w").await;
        assert_eq!(job["step_name"], step);
        server.owner.complete(&job, "w").await.with_status(204);
    }
    assert_eq!(server.owner.run(&run).await["status"], "completed");
}

#[tokio::test]
async fn a_cancelled_run_can_be_retried_and_is_not_cancelled_any_more() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    server
        .owner
        .act(&run, "cancellations")
        .await
        .with_status(204);
    let retried = server.owner.act(&run, "retries").await.with_status(202);
    assert!(retried.get("cancel_requested").is_none());
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    assert_eq!(server.owner.run(&run).await["status"], "completed");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let server = TestServer::start().await;
    let run = failed_in_the_second_step(&server).await;
    let path = run_path(&run, "retries");
    for place in [json!("second"), json!(5), json!({"failure": 1})] {
        let answer = server.owner.post(&path, &json!({"from": place})).await;
        let message = answer.error(400, "bad_request");
        let words = ["`failure`", "`start`"];
        assert!(
            message.starts_with("from: ") && words.iter().all(|word| message.contains(word)),
            "{message}"
        );
    }
    assert_eq!(server.owner.run(&run).await, run);
}
