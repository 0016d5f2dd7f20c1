//! How long a claim waits.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn an_empty_poll_is_answered_at_the_end_of_its_window_and_not_before() {
    let server = TestServer::start().await;
    let window = Duration::from_secs(1);
    let claims = json!({"worker_id": "w", "wait_seconds": 1, "max_jobs": 5});
    let since = Instant::now();
    let (one, several) = tokio::join!(
        server.owner.poll("w", 1),
        server.owner.post("/projects/default/jobs/claims", &claims),
    );
    let elapsed = since.elapsed();
    one.with_status(204);
    assert_eq!(several.with_status(200), json!({"items": []}));
    assert!(elapsed >= window, "answered after {elapsed:?}");
    assert!(elapsed < window * 2, "answered after {elapsed:?}");
}

#[tokio::test]
async fn a_poll_for_a_job_that_is_there_does_not_wait() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let since = Instant::now();
    server.owner.poll("w", 30).await.with_status(200);
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn jobs_that_a_filter_leaves_out_do_not_end_a_poll() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let poll = json!({"worker_id": "w", "wait_seconds": 1, "queues": ["other"]});
    let since = Instant::now();
    let answer = server
        .owner
        .post("/projects/default/jobs/claim", &poll)
        .await;
    answer.with_status(204);
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_stops_answers_its_parked_claims_at_once() {
    let server = TestServer::start().await;
    let replica = server.another_replica().await;
    let workers: Vec<String> = (0..20).map(|worker| format!("w{worker}")).collect();
    let parked: Vec<_> = workers
        .iter()
        .map(|worker| {
            let (caller, worker) = (replica.owner.clone(), worker.clone());
            tokio::spawn(async move { caller.poll(&worker, 30).await })
        })
        .collect();
    replica.owner.await_parked(&workers).await;
    let since = Instant::now();
    replica.begin_stop();
    for poll in parked {
        poll.await.unwrap().with_status(204);
    }
    replica.stopped().await;
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    server.owner.start().await;
    assert!(!server.owner.claim("w").await.is_null());
}
