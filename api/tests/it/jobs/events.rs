//! `POST /projects/{project}/jobs/{id}/events`.

use mobius_api::Limits;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, EventStream, Replica, TestServer, job_path};

const STREAM: &str = "/projects/default/runs/events";

/// A claimed job.
async fn claimed(server: &Replica) -> Value {
    server.owner.start().await;
    server.owner.claim("w").await
}

fn event(kind: &str, payload: Value) -> Value {
    json!({"type": kind, "payload": payload})
}

async fn emit(server: &Replica, job: &Value, events: &[Value]) -> Answer {
    let body = json!({"worker_id": "w", "attempt": job["attempt"], "events": events});
    server.owner.post(&job_path(job, "events"), &body).await
}

/// How many events the project has, by asking for what follows the last one.
async fn head(server: &Replica) -> i64 {
    let path = format!("{STREAM}?since={}", i64::MAX);
    let mut stream = EventStream::open(&server.owner, &path).await;
    stream.next().await.unwrap().id
}

#[tokio::test]
async fn events_are_stored_in_order_each_time_they_are_sent() {
    let server = TestServer::start().await;
    let job = claimed(&server).await;
    let events: Vec<Value> = (0..100)
        .map(|place| event(&format!("step_{place}.done-1"), json!({"place": place})))
        .collect();
    for _ in 0..2 {
        emit(&server, &job, &events).await.with_status(204);
    }
    let mut stream = EventStream::open(&server.owner, &format!("{STREAM}?since=4")).await;
    for (place, frame) in stream.take(200).await.into_iter().enumerate() {
        let place = place % 100;
        assert_eq!(frame.event, format!("step_{place}.done-1"));
        assert_eq!(frame.data["data"], json!({"place": place}));
        assert_eq!(frame.data["source"]["job_id"], job["job_id"]);
    }
}

#[tokio::test]
async fn whoever_does_not_hold_the_attempt_is_refused() {
    let server = TestServer::start().await;
    let job = claimed(&server).await;
    let path = job_path(&job, "events");
    let events = [event("t", json!({}))];
    for (worker, attempt) in [("v", 1), ("w", 2), ("w", 0), ("w", -1), ("W", 1)] {
        let body = json!({"worker_id": worker, "attempt": attempt, "events": events});
        let refused = server.owner.post(&path, &body).await;
        refused.error(409, "lease_lost");
    }
    let colleague = server.tenant.colleague().await;
    let key = server.tenant.new_key(|key| key.user = colleague).await;
    let body = json!({"worker_id": "w", "attempt": 1, "events": events});
    let theirs = server.anybody.with_key(&key).post(&path, &body).await;
    theirs.error(409, "lease_lost");
    server.owner.complete(&job, "w").await.with_status(204);
    let late = emit(&server, &job, &events).await;
    late.error(409, "lease_lost");
    assert_eq!(head(&server).await, 7);
}

#[tokio::test]
async fn one_bad_event_refuses_all_of_them() {
    let server = TestServer::start().await;
    let job = claimed(&server).await;
    let good = event("good", json!({"a": 1}));
    let large = event("large", json!({"text": "x".repeat(16 * 1024)}));
    for (bad, status, code, place) in [
        (event("", json!({})), 400, "bad_request", "events[1].type:"),
        (
            event("a b", json!({})),
            400,
            "bad_request",
            "events[1].type:",
        ),
        (
            event(&"x".repeat(65), json!({})),
            400,
            "bad_request",
            "events[1].type:",
        ),
        (event("mobius.x", json!({})), 400, "bad_request", "mobius."),
        (
            event("run_updated", json!({})),
            400,
            "bad_request",
            "control plane",
        ),
        (
            event("reset", json!({})),
            400,
            "bad_request",
            "control plane",
        ),
        (
            event("t", json!([])),
            400,
            "bad_request",
            "events[1].payload",
        ),
        (
            event("t", json!(null)),
            400,
            "bad_request",
            "events[1].payload",
        ),
        (
            event("t", json!({"a": "\0"})),
            400,
            "bad_request",
            "events[1].payload.a",
        ),
        (json!({"type": "t"}), 400, "bad_request", "payload"),
        (json!({"payload": {}}), 400, "bad_request", "type"),
        (large, 413, "too_large", "events[1].payload:"),
    ] {
        let refused = emit(&server, &job, &[good.clone(), bad, good.clone()]).await;
        let message = refused.error(status, code);
        assert!(message.contains(place), "{message}");
    }
    assert_eq!(head(&server).await, 4);
}

#[tokio::test]
async fn a_batch_has_bounds() {
    let server = TestServer::start().await;
    let job = claimed(&server).await;
    let message = emit(&server, &job, &[]).await.error(400, "bad_request");
    assert!(message.starts_with("events:"), "{message}");
    let many = vec![event("t", json!({})); 101];
    let message = emit(&server, &job, &many).await.error(413, "too_large");
    assert!(message.contains("100"), "{message}");
    assert_eq!(head(&server).await, 4);
    // The largest that is taken: `{"text":"…"}` is eleven bytes more than its text.
    let full = event(&"x".repeat(64), json!({"text": "x".repeat(16 * 1024 - 11)}));
    let full = vec![full; 100];
    emit(&server, &job, &full).await.with_status(204);
    assert_eq!(head(&server).await, 104);
    let endless = format!(r#"{{"worker_id":"w","pad":"{}"}}"#, "x".repeat(4_000_000));
    let path = job_path(&job, "events");
    let refused = server.owner.send(Method::POST, &path, Some(endless)).await;
    refused.error(413, "too_large");
}

#[tokio::test]
async fn a_job_that_adds_events_too_fast_is_slowed_down() {
    let server = TestServer::start_with(Limits {
        job_events_per_second: 1,
        ..Limits::default()
    })
    .await;
    let (job, other) = (claimed(&server).await, claimed(&server).await);
    let batch = vec![event("t", json!({})); 100];
    emit(&server, &job, &batch).await.with_status(204);
    let refused = emit(&server, &job, &batch).await;
    refused.error(429, "too_many_events");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((90..=101).contains(&seconds), "{seconds}");
    // Another job has a pace of its own, and a stranger does not spend that of the holder.
    let body = json!({"worker_id": "v", "attempt": 1, "events": batch});
    let stranger = server.owner.post(&job_path(&other, "events"), &body).await;
    stranger.error(409, "lease_lost");
    emit(&server, &other, &batch).await.with_status(204);
    // The report of the job's end does not count.
    server.owner.complete(&job, "w").await.with_status(204);
}

#[tokio::test]
async fn a_worker_that_has_lost_its_job_is_told_to_stop_and_not_to_slow_down() {
    let server = TestServer::start_with(Limits {
        job_events_per_second: 1,
        ..Limits::default()
    })
    .await;
    let job = claimed(&server).await;
    let batch = vec![event("t", json!({})); 100];
    emit(&server, &job, &batch).await.with_status(204);
    let slowed = emit(&server, &job, &batch).await;
    slowed.error(429, "too_many_events");
    server.owner.complete(&job, "w").await.with_status(204);
    for _ in 0..2 {
        let stopped = emit(&server, &job, &batch).await;
        stopped.error(409, "lease_lost");
    }
}

#[tokio::test]
async fn a_payload_is_nested_no_deeper_than_other_values() {
    let server = TestServer::start().await;
    let job = claimed(&server).await;
    let nested = |levels: usize| {
        let inner = (1..levels).fold(json!(1), |inner, _| json!([inner]));
        event("t", json!({"a": inner}))
    };
    let good = nested(100);
    let answer = emit(&server, &job, &[good.clone(), nested(101)]).await;
    let message = answer.error(400, "bad_request");
    let place = "events[1].payload: must not be nested deeper than 100 levels";
    assert_eq!(message, place);
    emit(&server, &job, &[good]).await.with_status(204);
}
