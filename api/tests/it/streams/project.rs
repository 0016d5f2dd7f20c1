//! `GET /projects/{project}/runs/events`.

use mobius_test_support::factories::RunDraft;
use serde_json::json;

use crate::harness::{EventStream, TestServer, job_path};

const PATH: &str = "/projects/default/runs/events";

#[tokio::test]
async fn a_stream_shows_a_run_from_its_start_to_its_end() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(&server.owner, PATH).await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let events = json!({
        "worker_id": "w", "attempt": 1,
        "events": [{"type": "progress", "payload": {"percent": 50}}],
    });
    let told = server.owner.post(&job_path(&job, "events"), &events).await;
    told.with_status(204);
    server.owner.complete(&job, "w").await.with_status(204);
    let frames = stream.take(8).await;
    let seqs: Vec<i64> = frames.iter().map(|frame| frame.id).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(frames.iter().all(|frame| frame.data["run_id"] == run["id"]));
    assert!(
        frames
            .iter()
            .all(|frame| frame.data["timestamp"].is_string())
    );
    let told: Vec<_> = frames
        .iter()
        .map(|frame| (frame.event.as_str(), frame.data["data"]["status"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("run_updated", Some("queued")),
            ("job_updated", Some("pending")),
            ("run_updated", Some("running")),
            ("job_updated", Some("claimed")),
            ("progress", None),
            ("job_updated", Some("completed")),
            ("action_appended", Some("completed")),
            ("run_updated", Some("completed")),
        ]
    );
    let custom = &frames[4].data;
    assert_eq!(custom["data"], json!({"percent": 50}));
    let source = json!({
        "job_id": job["job_id"], "attempt": 1, "step_name": "only", "branch_id": "main",
    });
    assert_eq!(custom["source"], source);
}

#[tokio::test]
async fn two_streams_show_the_same_to_the_letter() {
    let server = TestServer::start().await;
    let mut early = EventStream::open(&server.owner, PATH).await;
    server.tenant.start_many(&RunDraft::default(), 20).await;
    let live = early.take(40).await;
    let replay = format!("{PATH}?since=0");
    let mut late = EventStream::open(&server.owner, &replay).await;
    assert_eq!(late.take(40).await, live);
}

#[tokio::test]
async fn a_stream_shows_nothing_of_other_projects() {
    let server = TestServer::start().await;
    let other = server.tenant.another_project("other").await;
    let replay = format!("{PATH}?since=0");
    let mut stream = EventStream::open(&server.owner, &replay).await;
    other.start_many(&RunDraft::default(), 10).await;
    let run = server.owner.start().await;
    for (frame, seq) in stream.take(2).await.into_iter().zip(1..) {
        assert_eq!((frame.id, &frame.data["run_id"]), (seq, &run["id"]));
    }
}

#[tokio::test]
async fn a_large_transaction_is_streamed_whole() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let job = server.owner.claim("w").await;
    let payload = json!({"text": "x".repeat(16_000)});
    let event = |place: usize| json!({"type": format!("t{place}"), "payload": payload});
    let events: Vec<_> = (0..100).map(event).collect();
    let batch = json!({"worker_id": "w", "attempt": 1, "events": events});
    let mut live = EventStream::open(&server.owner, PATH).await;
    let told = server.owner.post(&job_path(&job, "events"), &batch).await;
    told.with_status(204);
    let mut replay = EventStream::open(&server.owner, &format!("{PATH}?since=4")).await;
    for stream in [&mut live, &mut replay] {
        for (place, frame) in stream.take(100).await.into_iter().enumerate() {
            assert_eq!(frame.event, format!("t{place}"));
            assert_eq!(frame.data["data"], payload);
        }
    }
}
