//! `POST /projects/{project}/runs/{id}/cancellations`.

use serde_json::json;

use crate::harness::{TestServer, job_path, run_path};

#[tokio::test]
async fn a_run_that_no_worker_holds_fails_at_once() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    server
        .owner
        .act(&run, "cancellations")
        .await
        .with_status(204);
    let run = server.owner.run(&run).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["cancel_requested"], true);
    let message = run["error_message"].as_str().unwrap();
    // The name of the key says who it was.
    assert!(
        message.contains("cancelled") && message.contains("test"),
        "{message}"
    );
    assert!(server.owner.claim("w").await.is_null());
}

#[tokio::test]
async fn a_worker_is_told_and_the_run_fails_when_it_lets_go() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let fence = json!({"worker_id": "w", "attempt": 1});
    let beat = async || {
        let path = job_path(&job, "heartbeat");
        let beat = server.owner.post(&path, &fence).await.with_status(200);
        beat["directives"]["should_cancel"].as_bool().unwrap()
    };
    assert!(!beat().await);
    for _ in 0..2 {
        server
            .owner
            .act(&run, "cancellations")
            .await
            .with_status(204);
        assert!(beat().await);
        let now = server.owner.run(&run).await;
        assert_eq!(now["status"], "running");
        assert_eq!(now["cancel_requested"], true);
    }
    // A worker that let the action finish does not save the run.
    server.owner.complete(&job, "w").await.with_status(204);
    let now = server.owner.run(&run).await;
    assert_eq!(now["status"], "failed");
    assert!(now["error_message"].as_str().unwrap().contains("cancelled"));
}

#[tokio::test]
async fn a_run_that_has_ended_stays_as_it_is() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    let before = server.owner.run(&run).await;
    assert!(before.get("cancel_requested").is_none());
    server
        .owner
        .act(&run, "cancellations")
        .await
        .with_status(204);
    assert_eq!(server.owner.run(&run).await, before);
}

/// The operation takes no body, so none is read, whatever it is.
#[tokio::test]
async fn a_body_is_not_read() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let path = run_path(&run, "cancellations");
    let answer = server.owner.post(&path, &json!(["x"])).await;
    answer.with_status(204);
}

#[tokio::test]
async fn a_run_that_is_being_cancelled_says_so_to_whoever_wants_it_to_go_on() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let cancel = async || server.owner.act(&run, "cancellations").await;
    cancel().await.with_status(204);
    let refused = [
        server.owner.signal(&run, "go").await,
        server.owner.act(&run, "resumptions").await,
    ];
    for answer in refused {
        let message = answer.error(409, "run_cancelling");
        assert_eq!(message, "the run is being cancelled");
    }
    server.owner.complete(&job, "w").await.with_status(204);
    server
        .owner
        .signal(&run, "go")
        .await
        .error(409, "run_ended");
}
