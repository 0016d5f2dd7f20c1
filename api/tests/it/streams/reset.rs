//! Starts that are not possible: the stream says so, and goes on where it can.

use mobius_test_support::factories::RunDraft;
use serde_json::json;

use crate::harness::{EventStream, TestServer};

const PATH: &str = "/projects/default/runs/events";

#[tokio::test]
async fn a_start_in_the_future_is_reset_to_the_present() {
    let server = TestServer::start().await;
    server.tenant.start_many(&RunDraft::default(), 2).await;
    for since in ["5", "9223372036854775807"] {
        let path = format!("{PATH}?since={since}");
        let mut stream = EventStream::open(&server.owner, &path).await;
        let reset = stream.next().await.unwrap();
        assert_eq!(reset.event, "reset");
        let requested: i64 = since.parse().unwrap();
        let data = json!({"requested": requested, "oldest": 1, "newest": reset.id});
        assert_eq!(reset.data["data"], data);
        server.owner.start().await;
        assert_eq!(stream.next().await.unwrap().id, reset.id + 1);
    }
}

#[tokio::test]
async fn the_present_itself_is_no_future() {
    let server = TestServer::start().await;
    let path = format!("{PATH}?since=0");
    let mut stream = EventStream::open(&server.owner, &path).await;
    server.owner.start().await;
    assert_eq!(stream.next().await.unwrap().event, "run_updated");
    let path = format!("{PATH}?since=2");
    let mut stream = EventStream::open(&server.owner, &path).await;
    server.owner.start().await;
    assert_eq!(stream.next().await.unwrap().event, "run_updated");
}

#[tokio::test]
async fn a_start_before_what_is_kept_is_reset_to_the_oldest() {
    let server = TestServer::start().await;
    let runs = server.tenant.start_many(&RunDraft::default(), 5).await;
    server.tenant.forget_events(6).await;
    for since in [0, 5] {
        let path = format!("{PATH}?since={since}");
        let mut stream = EventStream::open(&server.owner, &path).await;
        let frames = stream.take(5).await;
        assert_eq!((frames[0].event.as_str(), frames[0].id), ("reset", 6));
        let data = json!({"requested": since, "oldest": 7, "newest": 10});
        assert_eq!(frames[0].data["data"], data);
        let seqs: Vec<i64> = frames[1..].iter().map(|frame| frame.id).collect();
        assert_eq!(seqs, [7, 8, 9, 10]);
    }
    // Nothing is missing after the sixth.
    let mut stream = EventStream::open(&server.owner, &format!("{PATH}?since=6")).await;
    assert_eq!(stream.next().await.unwrap().event, "run_updated");
    let path = format!("/projects/default/runs/{}/events?since=0", runs[0].id);
    let mut stream = EventStream::open(&server.owner, &path).await;
    let frames = stream.take(2).await;
    assert_eq!((frames[0].event.as_str(), frames[0].id), ("reset", 6));
    assert_eq!(frames[0].data["run_id"], runs[0].id.to_string());
    assert_eq!((frames[1].event.as_str(), frames[1].id), ("run_updated", 6));
}

#[tokio::test]
async fn a_start_when_nothing_is_kept_is_reset_to_the_present() {
    let server = TestServer::start().await;
    server.tenant.start_many(&RunDraft::default(), 5).await;
    server.tenant.forget_events(10).await;
    let mut stream = EventStream::open(&server.owner, &format!("{PATH}?since=3")).await;
    let reset = stream.next().await.unwrap();
    assert_eq!((reset.event.as_str(), reset.id), ("reset", 10));
    server.owner.start().await;
    assert_eq!(stream.next().await.unwrap().id, 11);
}
