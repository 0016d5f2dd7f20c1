//! Readers that are cut off at random moments while many write: everything once, and in order.
//!
//! What keeps it so is that `events::append` takes the project's counter as the last lock before
//! the commit. With a sequence of Postgres in its place (numbers taken early, commits in another
//! order) a reader passes over what commits late, and this test fails; so it does when a seed or a
//! reset is numbered past what was sent, or when `Recent::take` gives out a window with a gap.

use std::sync::Arc;

use mobius_api::Limits;
use mobius_test_support::factories::{Held, RunDraft, Tenant};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::harness::{Caller, EventStream, Frame, TestServer};

const WRITERS: usize = 16;
const BATCH: usize = 50;
const EVENTS: usize = 100_000;

/// Emits this writer's share, numbered; other changes of runs come in between.
async fn write(tenant: Tenant, held: Held, writer: usize) {
    for first in (0..EVENTS / WRITERS).step_by(BATCH) {
        let emission = held.events(first, BATCH);
        tenant.store.emit(tenant.project, emission).await.unwrap();
        if (first / BATCH + writer).is_multiple_of(10) {
            tenant.start(RunDraft::in_queue("nobody claims here")).await;
        }
    }
    tenant.settle(held.completed(&Value::Null)).await.unwrap();
}

/// Reads until `is_last`, and connects again with the largest number it saw whenever it is cut
/// off, which is after a random number of frames. What begins a stream anew is left out.
async fn read(
    callers: Vec<Caller>,
    path: String,
    seed: u64,
    mut is_last: impl FnMut(&Frame) -> bool,
) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut seen, mut largest) = (Vec::new(), 0);
    loop {
        let caller = &callers[random.random_range(0..callers.len())];
        let mut stream = EventStream::open(caller, &format!("{path}?since={largest}")).await;
        for _ in 0..random.random_range(0..5_000) {
            let frame = stream.next().await.expect("the server keeps the stream");
            assert_ne!(frame.event, "reset");
            largest = frame.id.max(largest);
            if frame.data.get("seed").is_some() {
                continue;
            }
            let ends = is_last(&frame);
            seen.push(frame);
            if ends {
                return seen;
            }
        }
    }
}

/// The numbers that a writer gave its events, in the order of the stream.
fn numbers(frames: &[Frame], run: &str) -> Vec<u64> {
    frames
        .iter()
        .filter(|frame| frame.event == "progress" && frame.data["run_id"] == run)
        .map(|frame| frame.data["data"]["number"].as_u64().unwrap())
        .collect()
}

fn is_end(frame: &Frame) -> bool {
    frame.event == "run_updated" && frame.data["data"]["status"] == "completed"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_cut_off_receives_every_event_exactly_once_and_in_order() {
    let limits = Limits {
        streams_per_key: 0,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits).await;
    let replica = server.another_replica_with(limits).await;
    let callers = vec![server.owner.clone(), replica.owner.clone()];
    server
        .tenant
        .start_many(&RunDraft::default(), WRITERS)
        .await;
    let held = server.tenant.claim("w", WRITERS).await;
    let runs: Arc<Vec<String>> = Arc::new(held.iter().map(|h| h.job.run.to_string()).collect());

    let mut ends = 0;
    let of_project = read(
        callers.clone(),
        "/projects/default/runs/events".to_owned(),
        7,
        move |frame| {
            ends += usize::from(is_end(frame));
            ends == WRITERS
        },
    );
    let of_project = tokio::spawn(of_project);
    let path = format!("/projects/default/runs/{}/events", runs[3]);
    let of_run = tokio::spawn(read(callers, path, 8, is_end));
    let writers: Vec<_> = held
        .into_iter()
        .enumerate()
        .map(|(writer, held)| {
            let tenant = match writer % 2 {
                0 => server.tenant.clone(),
                _ => replica.tenant.clone(),
            };
            tokio::spawn(write(tenant, held, writer))
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    let frames = of_project.await.unwrap();
    let share = u64::try_from(EVENTS / WRITERS).unwrap();
    let expected: Vec<u64> = (0..share).collect();
    for (frame, seq) in frames.iter().zip(1..) {
        assert_eq!(frame.id, seq, "a gap, a repetition or a wrong order");
    }
    for run in runs.iter() {
        assert_eq!(numbers(&frames, run), expected);
    }
    let of_run = of_run.await.unwrap();
    let same: Vec<&Frame> = frames
        .iter()
        .filter(|frame| frame.data["run_id"] == runs[3])
        .collect();
    assert_eq!(of_run.iter().collect::<Vec<_>>(), same);
}
