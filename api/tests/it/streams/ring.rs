//! How soon an event reaches a stream, with and without the doorbell.

use std::time::{Duration, Instant};

use mobius_test_support::factories::RunDraft;

use crate::harness::{EventStream, TestServer};

const PATH: &str = "/projects/default/runs/events";

#[tokio::test]
async fn an_event_that_nobody_rang_for_is_streamed_within_a_second() {
    let server = TestServer::start().await;
    let silent = server.silent_replica();
    let mut stream = EventStream::open(&server.owner, PATH).await;
    for round in 0..3 {
        let since = Instant::now();
        silent.start(RunDraft::default()).await;
        let frames = stream.take(2).await;
        assert_eq!(frames[1].id, 2 * (round + 1));
        // A second, and patience with a slow machine.
        assert!(since.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_another_replica_is_streamed_without_waiting_for_the_look() {
    let server = TestServer::start().await;
    let replica = server.another_replica().await;
    let mut stream = EventStream::open(&server.owner, PATH).await;
    let mut times = Vec::new();
    for _ in 0..15 {
        let since = Instant::now();
        replica.owner.start().await;
        stream.take(2).await;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    // With the looks alone it would be half a second.
    assert!(times[7] < Duration::from_millis(250), "{times:?}");
}
