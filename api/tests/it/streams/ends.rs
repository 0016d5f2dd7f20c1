//! What ends a stream: its key, its project, the server, its client.

use std::time::{Duration, Instant};

use mobius_api::Limits;
use mobius_store::keys::{self, SecretKey};
use mobius_types::Permission;

use crate::harness::{EventStream, TestServer};

const PATH: &str = "/projects/default/runs/events";

/// Streams say often that they live, so that a test need not wait for long.
const KEEP_ALIVE: Duration = Duration::from_millis(200);

/// What a stream whose credential is over may still last: the memory of credentials, a beat, and
/// patience with a slow machine.
const SOON: Duration = Duration::from_secs(5);

async fn server() -> TestServer {
    TestServer::start_with(Limits {
        keep_alive: KEEP_ALIVE,
        streams_per_key: 1,
        ..Limits::default()
    })
    .await
}

/// A stream with a key of its own.
async fn stream(server: &TestServer) -> (SecretKey, EventStream) {
    let key = server.tenant.new_key(|_| {}).await;
    let stream = EventStream::open(&server.anybody.with_key(&key), PATH).await;
    (key, stream)
}

async fn assert_ends(mut stream: EventStream) {
    let since = Instant::now();
    assert_eq!(stream.next().await, None);
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_silent_stream_says_that_it_lives() {
    let server = server().await;
    let (_, mut stream) = stream(&server).await;
    for _ in 0..3 {
        assert_eq!(stream.next_block().await.unwrap(), ":keepalive\n\n");
    }
    server.owner.start().await;
    assert_eq!(stream.next().await.unwrap().id, 1);
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_and_no_others() {
    let server = server().await;
    let (key, revoked) = stream(&server).await;
    let (_, mut other) = stream(&server).await;
    let mut connection = server.tenant.connection().await;
    let done = keys::revoke(&mut connection, server.tenant.org, key.hash()).await;
    assert!(done.unwrap());
    drop(connection);
    assert_ends(revoked).await;
    server.owner.start().await;
    assert_eq!(other.next().await.unwrap().id, 1);
}

#[tokio::test]
async fn an_expired_key_ends_its_streams() {
    let server = server().await;
    let now = mobius_store::clock::now(&mut *server.tenant.connection().await)
        .await
        .unwrap();
    let hour = Duration::from_secs(3_600);
    let key = server
        .tenant
        .new_key(|key| key.expires_at = Some(now + hour));
    let stream = EventStream::open(&server.anybody.with_key(&key.await), PATH).await;
    server.tenant.advance_clock(hour).await;
    assert_ends(stream).await;
}

#[tokio::test]
async fn a_deleted_project_ends_its_streams() {
    let server = server().await;
    let (_, stream) = stream(&server).await;
    let path = format!("/projects/{}", server.tenant.project);
    server.owner.delete(&path).await.with_status(204);
    assert_ends(stream).await;
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_at_once() {
    let server = server().await;
    let replica = server.another_replica_with(Limits::default()).await;
    let stream = EventStream::open(&replica.owner, PATH).await;
    let since = Instant::now();
    replica.begin_stop();
    assert_ends(stream).await;
    replica.stopped().await;
    // Less than a server waits for answers that do not end.
    assert!(since.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_key_has_so_many_streams_and_gets_back_those_whose_client_left() {
    let server = server().await;
    let (key, stream) = stream(&server).await;
    let caller = server.anybody.with_key(&key);
    let refused = caller.get(PATH).await;
    refused.error(429, "too_many_streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    // Another key of the same person has its own.
    server.owner.get(PATH).await.with_status(200);
    drop(stream);
    let since = Instant::now();
    while caller.get(PATH).await.status != 200 {
        assert!(since.elapsed() < SOON, "its place is still taken");
    }
}

#[tokio::test]
async fn a_key_without_the_permission_opens_no_stream() {
    let server = server().await;
    let caller = server.caller_with(&[Permission::JobEmitEvent]).await;
    caller.get(PATH).await.error(403, "forbidden");
}
