//! A client that takes nothing is disconnected, and costs nobody else anything.

use std::time::{Duration, Instant};

use mobius_api::Limits;
use mobius_test_support::factories::RunDraft;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

use crate::harness::{EventStream, Replica, TestServer, job_path};

const PATH: &str = "/projects/default/runs/events";

/// More than the kernel takes for a connection that nobody reads.
const BATCHES: usize = 12;

/// Asks for all events, and reads nothing of the answer.
async fn open_and_read_nothing(server: &Replica, key: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let request =
        format!("GET {PATH}?since=0 HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn emit_much(server: &Replica) {
    server.tenant.start(RunDraft::default()).await;
    let job = server.owner.claim("w").await;
    let event = json!({"type": "much", "payload": {"text": "x".repeat(16_000)}});
    let batch = json!({"worker_id": "w", "attempt": 1, "events": vec![event; 100]});
    for _ in 0..BATCHES {
        let told = server.owner.post(&job_path(&job, "events"), &batch).await;
        told.with_status(204);
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_stream() {
    let server = TestServer::start_with(Limits {
        // Longer than a busy machine keeps the other reader from taking anything.
        stall: Duration::from_secs(2),
        streams_per_key: 1,
        job_events_per_second: 0,
        ..Limits::default()
    })
    .await;
    let key = server.tenant.new_key(|_| {}).await;
    let _idle = open_and_read_nothing(&server, key.expose()).await;
    let caller = server.anybody.with_key(&key);
    let since = Instant::now();
    while caller.get(PATH).await.status != 429 {
        assert!(since.elapsed() < Duration::from_secs(10), "it never opened");
    }
    // Nobody knows yet that it takes nothing, for nothing is there to take.
    caller.get(PATH).await.error(429, "too_many_streams");
    let mut reader = EventStream::open(&server.owner, PATH).await;
    // What the reader is shown first are the start of the run and the claim.
    let ((), frames) = tokio::join!(emit_much(&server), reader.take(4 + 100 * BATCHES));
    let frames = &frames[4..];
    assert_eq!(frames.len(), 100 * BATCHES);
    // Its place becomes free although its client never closed the connection.
    let since = Instant::now();
    while caller.get(PATH).await.status != 200 {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "it is still open"
        );
    }
}

/// How often a stream says that it lives, in the test of replays.
const KEEP_ALIVE: Duration = Duration::from_millis(200);

/// Reads until nothing came for three beats but that the stream lives; returns the number of the
/// last frame before.
async fn hear_it_live(stream: &mut EventStream) -> i64 {
    let (mut beats, mut last) = (0, 0);
    while beats < 3 {
        let block = stream.next_block().await.expect("the stream goes on");
        match block.lines().find_map(|line| line.strip_prefix("id: ")) {
            Some(id) => (beats, last) = (0, id.parse().unwrap()),
            None => beats += 1,
        }
    }
    last
}

#[tokio::test]
async fn a_stream_says_that_it_lives_while_its_replay_is_held_up() {
    let server = TestServer::start_with(Limits {
        keep_alive: KEEP_ALIVE,
        job_events_per_second: 0,
        ..Limits::default()
    })
    .await;
    emit_much(&server).await;
    let mut stream = EventStream::open(&server.owner, &format!("{PATH}?since=0")).await;
    stream.next().await.unwrap();
    // More is left to replay than is on its way, and meanwhile no page of it can be read. Postgres
    // itself would give up after ten seconds.
    let patience = Duration::from_secs(8);
    let live = tokio::time::timeout(patience, hear_it_live(&mut stream));
    let last = server.tenant.while_events_are_held(live).await;
    let last = last.expect("the stream is silent");
    let newest = i64::try_from(4 + 100 * BATCHES).unwrap();
    assert!(last < newest, "nothing was left to replay");
    for expected in last + 1..=newest {
        assert_eq!(stream.next().await.unwrap().id, expected);
    }
}
