//! Clients that go away while they are parked swallow no job.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use mobius_test_support::factories::RunDraft;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

use crate::harness::{Replica, TestServer};

/// Less than a lease: what comes back within it was given back.
const SOON: Duration = Duration::from_secs(20);

/// Asks the router itself, so that the answer is in hand before any of it is sent.
async fn claim_without_socket(server: &Replica, path: &str, claim: &Value) -> Response {
    let request = Request::post(path)
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", server.tenant.key.expose()),
        )
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(claim.to_string()))
        .unwrap();
    server.app.router().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn an_answer_that_was_never_sent_gives_its_jobs_back() {
    let server = TestServer::start().await;
    server.owner.start().await;
    server.owner.start().await;
    for path in [
        "/projects/default/jobs/claim",
        "/projects/default/jobs/claims",
    ] {
        let claim = json!({"worker_id": "gone", "max_jobs": 2});
        let response = claim_without_socket(&server, path, &claim).await;
        assert_eq!(response.status(), StatusCode::OK);
        drop(response);
    }
    for _ in 0..2 {
        let job = server.owner.poll("here", 10).await.with_status(200);
        assert_eq!(job["attempt"], 1);
    }
}

#[tokio::test]
async fn an_answer_that_was_sent_keeps_its_job() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let claim = json!({"worker_id": "w"});
    let response = claim_without_socket(&server, "/projects/default/jobs/claim", &claim).await;
    let body = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    let job: Value = serde_json::from_slice(&body).unwrap();
    assert!(server.owner.claim("v").await.is_null());
    server.owner.complete(&job, "w").await.with_status(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_whose_client_left_while_parked_take_no_job() {
    let server = TestServer::start().await;
    let workers: Vec<String> = (0..50).map(|worker| format!("gone{worker}")).collect();
    let parked: Vec<_> = workers
        .iter()
        .map(|worker| {
            let (caller, worker) = (server.owner.clone(), worker.clone());
            tokio::spawn(async move { caller.poll(&worker, 30).await })
        })
        .collect();
    server.owner.await_parked(&workers).await;
    for poll in parked {
        poll.abort();
        assert!(poll.await.unwrap_err().is_cancelled());
    }
    server.tenant.start_many(&RunDraft::default(), 50).await;
    all_reach_a_live_worker(&server, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimers_that_leave_at_any_moment_swallow_no_job() {
    let server = TestServer::start().await;
    let mut claimers = Vec::new();
    for claimer in 0..200 {
        claimers.push(Leaver::claim(&server, &format!("gone{claimer}")).await);
    }
    let mut told = 0;
    for (place, claimer) in claimers.into_iter().enumerate() {
        let leaving = tokio::spawn(claimer.leave());
        if place % 4 == 0 {
            server.owner.start().await;
        }
        told += usize::from(leaving.await.unwrap());
    }
    all_reach_a_live_worker(&server, 50 - told).await;
}

/// A client that says that it leaves, and yet reads what was on its way: a job in there is its
/// own, and no other may be missing.
struct Leaver(TcpStream);

impl Leaver {
    async fn claim(server: &Replica, worker: &str) -> Leaver {
        let claim = json!({"worker_id": worker, "wait_seconds": 30}).to_string();
        let head = format!(
            "POST /projects/default/jobs/claim HTTP/1.1\r\nHost: test\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            server.tenant.key.expose(),
            claim.len(),
        );
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket
            .write_all(format!("{head}{claim}").as_bytes())
            .await
            .unwrap();
        Leaver(socket)
    }

    /// Leaves; returns whether it was told of a job before the server noticed.
    async fn leave(mut self) -> bool {
        self.0.shutdown().await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer.contains("job_id")
    }
}

/// A worker claims until it has so many jobs, all with their first attempt.
async fn all_reach_a_live_worker(server: &Replica, count: usize) {
    let since = Instant::now();
    let mut jobs = HashSet::new();
    while jobs.len() < count {
        assert!(
            since.elapsed() < SOON,
            "{} of {count} jobs came back",
            jobs.len()
        );
        let claims = json!({"worker_id": "here", "max_jobs": 100, "wait_seconds": 1});
        let answer = server
            .owner
            .post("/projects/default/jobs/claims", &claims)
            .await;
        for job in answer.with_status(200)["items"].as_array().unwrap() {
            assert_eq!(job["attempt"], 1);
            assert!(jobs.insert(job["job_id"].to_string()), "{job} twice");
        }
    }
    assert_eq!(jobs.len(), count);
}
