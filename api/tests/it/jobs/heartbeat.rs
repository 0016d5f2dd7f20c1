//! `POST /projects/{project}/jobs/{id}/heartbeat`.

use std::time::Duration;

use mobius_types::UserId;
use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, job_path};

async fn lease_sign(server: &Replica, run: &Value) -> String {
    let run = server.owner.run(run).await;
    run["jobs"][0]["heartbeat_at"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_heartbeat_is_seen_on_the_job_each_time() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let mut last = lease_sign(&server, &run).await;
    for _ in 0..2 {
        let fence = json!({"worker_id": "w", "attempt": 1});
        let beat = server
            .owner
            .post(&job_path(&job, "heartbeat"), &fence)
            .await;
        let expected = json!({"ok": true, "directives": {"should_cancel": false}});
        assert_eq!(beat.with_status(200), expected);
        let sign = lease_sign(&server, &run).await;
        assert!(sign > last, "{sign} after {last}");
        last = sign;
    }
}

#[tokio::test]
async fn a_heartbeat_of_somebody_else_or_of_another_attempt_is_refused() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let before = lease_sign(&server, &run).await;
    for (worker, attempt) in [
        ("v", 1),
        ("w", 2),
        ("w", 0),
        ("w", -1),
        ("W", 1),
        ("w", i32::MAX),
    ] {
        let fence = json!({"worker_id": worker, "attempt": attempt});
        let beat = server
            .owner
            .post(&job_path(&job, "heartbeat"), &fence)
            .await;
        beat.error(409, "lease_lost");
    }
    assert_eq!(lease_sign(&server, &run).await, before);
}

#[tokio::test]
async fn a_heartbeat_with_the_key_of_another_person_is_refused() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let job = server.owner.claim("w").await;
    let colleague: UserId = server.tenant.colleague().await;
    let key = server.tenant.new_key(|key| key.user = colleague).await;
    let fence = json!({"worker_id": "w", "attempt": 1});
    let path = job_path(&job, "heartbeat");
    let theirs = server.anybody.with_key(&key).post(&path, &fence).await;
    theirs.error(409, "lease_lost");
    let another_key = server.tenant.new_key(|_| {}).await;
    let ours = server
        .anybody
        .with_key(&another_key)
        .post(&path, &fence)
        .await;
    ours.with_status(200);
}

#[tokio::test]
async fn a_heartbeat_before_the_claim_or_after_the_end_is_refused() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let id = server.owner.run(&run).await["jobs"][0]["id"].clone();
    let path = format!("/projects/default/jobs/{}/heartbeat", id.as_str().unwrap());
    let fence = |attempt| json!({"worker_id": "w", "attempt": attempt});
    for attempt in [0, 1] {
        let early = server.owner.post(&path, &fence(attempt)).await;
        early.error(409, "lease_lost");
    }
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    server
        .owner
        .post(&path, &fence(1))
        .await
        .error(409, "lease_lost");
}

#[tokio::test]
async fn a_late_heartbeat_counts_until_the_job_is_taken_away() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let job = server.owner.claim("w").await;
    server
        .tenant
        .advance_clock(Duration::from_secs(3_600))
        .await;
    let fence = json!({"worker_id": "w", "attempt": 1});
    let late = server
        .owner
        .post(&job_path(&job, "heartbeat"), &fence)
        .await;
    late.with_status(200);
    server.owner.complete(&job, "w").await.with_status(204);
}
