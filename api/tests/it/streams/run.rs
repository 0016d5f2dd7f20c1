//! `GET /projects/{project}/runs/{id}/events`.

use mobius_test_support::factories::{RunDraft, two_steps};
use serde_json::{Value, json};

use crate::harness::{EventStream, TestServer};

fn path(run: &Value, query: &str) -> String {
    let id = run["id"].as_str().unwrap();
    format!("/projects/default/runs/{id}/events{query}")
}

#[tokio::test]
async fn the_first_frame_says_how_the_run_stands() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let mut stream = EventStream::open(&server.owner, &path(&run, "")).await;
    let seed = stream.next().await.unwrap();
    assert_eq!((seed.event.as_str(), seed.id), ("run_updated", 4));
    assert_eq!(seed.data["seed"], true);
    assert_eq!(seed.data["run_id"], run["id"]);
    assert_eq!(
        seed.data["data"],
        json!({"status": "running", "attempt": 1})
    );
    server.owner.complete(&job, "w").await.with_status(204);
    let rest = stream.take(3).await;
    let seqs: Vec<i64> = rest.iter().map(|frame| frame.id).collect();
    assert_eq!(seqs, [5, 6, 7]);
    assert!(rest.iter().all(|frame| frame.data.get("seed").is_none()));
}

#[tokio::test]
async fn the_first_frame_never_leads_past_what_is_replayed() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    for since in [0, 3, 6] {
        // Cut off after the seed; then again with the largest number that was seen.
        let query = format!("?since={since}");
        let mut cut = EventStream::open(&server.owner, &path(&run, &query)).await;
        let seed = cut.next().await.unwrap();
        assert_eq!(seed.data["data"]["status"], "completed");
        assert!(seed.id <= since, "{seed:?}");
        drop(cut);
        let query = format!("?since={}", seed.id);
        let mut stream = EventStream::open(&server.owner, &path(&run, &query)).await;
        stream.next().await.unwrap();
        let count = usize::try_from(7 - since).unwrap();
        let seqs: Vec<i64> = stream
            .take(count)
            .await
            .iter()
            .map(|frame| frame.id)
            .collect();
        assert_eq!(seqs, (since + 1..=7).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_failed_run_says_why_in_its_first_frame() {
    let server = TestServer::start().await;
    let run = server.tenant.start(RunDraft::default()).await;
    let held = server.tenant.claim_one("w").await;
    server.tenant.settle(held.failed("teapot")).await.unwrap();
    let path = format!("/projects/default/runs/{}/events", run.id);
    let mut stream = EventStream::open(&server.owner, &path).await;
    let seed = stream.next().await.unwrap();
    assert_eq!(seed.data["data"]["status"], "failed");
    assert!(seed.data["data"]["error_message"].is_string());
}

#[tokio::test]
async fn a_run_that_is_being_cancelled_says_so_in_its_first_frame() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    server.owner.claim("w").await;
    let cancelled = server.owner.act(&run, "cancellations").await;
    cancelled.with_status(204);
    let mut history = EventStream::open(&server.owner, &path(&run, "?since=0")).await;
    let seed = history.next().await.unwrap();
    assert_eq!(
        seed.data["data"],
        json!({"status": "running", "attempt": 1, "cancel_requested": true})
    );
    // It is what the newest frame of the run says.
    loop {
        let frame = history.next().await.unwrap();
        if frame.data["data"]["cancel_requested"] == true && frame.event == "run_updated" {
            assert_eq!(frame.data["data"], seed.data["data"]);
            return;
        }
    }
}

#[tokio::test]
async fn a_stream_shows_its_own_run_alone() {
    let server = TestServer::start().await;
    let others = server.tenant.start_many(&RunDraft::default(), 10).await;
    let run = server.tenant.start(RunDraft::of(two_steps())).await;
    let path = format!("/projects/default/runs/{}/events?since=0", run.id);
    let mut stream = EventStream::open(&server.owner, &path).await;
    let mut held = server.tenant.claim("w", 11).await;
    held.extend(server.tenant.claim("w", 11).await);
    assert_eq!(held.len(), others.len() + 1);
    for held in held {
        let report = held.completed(&json!(1));
        server.tenant.settle(report).await.unwrap();
    }
    let held = server.tenant.claim_one("w").await;
    server
        .tenant
        .settle(held.completed(&json!(1)))
        .await
        .unwrap();
    stream.next().await.unwrap();
    let mut last = 0;
    loop {
        let frame = stream.next().await.unwrap();
        assert!(frame.id > last);
        last = frame.id;
        assert_eq!(frame.data["run_id"], run.id.to_string());
        if frame.event == "run_updated" && frame.data["data"]["status"] == "completed" {
            return;
        }
    }
}
