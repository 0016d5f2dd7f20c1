//! Events on their way to many readers of a project's stream.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        client::Streaming,
        crew::{Crew, Progress},
        durations::Durations,
        site::{PROJECT, runs_path},
        work::{Claimed, Worker},
    },
    process::order::Outcome,
    report::Case,
};

/// What stands before the number of an event.
const MARK: &[u8] = b"\"tick\":";

/// How long events may be on their way after the last one was sent; then they count as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many readers of so many events.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Streams {
    pub(crate) readers: usize,
    pub(crate) per_second: u32,
    pub(crate) events: usize,
}

/// Measures it.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let streams = Streams {
        readers: bench.amount(1_000),
        per_second: 100,
        events: bench.amount(1_000),
    };
    let label = format!("event stream, {} readers, 100 events/s", streams.readers);
    let case = Case::new("streams", label, "frames/s");
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        bench.measure(&case, &stage, Load::Streams(streams)).await?;
    }
    bench.end(stage).await
}

/// What the tasks share.
struct Course {
    sent: Vec<OnceLock<Instant>>,
    lateness: Durations,
    received: Progress,
}

impl Streams {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let (worker, job) = claimed_job(site).await?;
        let wanted = self.readers * self.events;
        let course = Arc::new(Course {
            sent: (0..self.events).map(|_| OnceLock::new()).collect(),
            lateness: Durations::default(),
            received: Progress::towards(wanted),
        });
        let mut crew = Crew::default();
        for client in site.connect_many(self.readers).await? {
            let stream = client.stream(&format!("{PROJECT}/runs/events")).await?;
            crew.add(Arc::clone(&course).read(stream));
        }
        gate.open().await?;
        let begun = Instant::now();
        crew.add(Arc::clone(&course).emit(worker, job, self.per_second));
        let sending = Duration::from_secs(1) * u32::try_from(self.events)? / self.per_second;
        // What has not come by then is counted as lost below.
        if let Ok(ended) = timeout(sending + PATIENCE, crew.until_reached(&course.received)).await {
            ended?;
        }
        let received = course.received.done();
        let outcome = Outcome::new(received, begun.elapsed().as_secs_f64())
            .with("lost", (wanted - received) as f64);
        Ok(course.lateness.add_to(outcome))
    }
}

/// A job whose worker may send events.
async fn claimed_job(site: &Site) -> anyhow::Result<(Worker, Claimed)> {
    let workflow = site.chain(1).await?;
    let mut client = site.connect().await?;
    client
        .post(&runs_path(), workflow.start(0).as_bytes())
        .await?;
    let mut worker = Worker::new(client, 0, &workflow.action, 10);
    let job = worker.claim().await?.context("the job did not come")?;
    Ok((worker, job))
}

impl Course {
    /// Sends each event at its time.
    async fn emit(
        self: Arc<Self>,
        mut worker: Worker,
        job: Claimed,
        per_second: u32,
    ) -> anyhow::Result<()> {
        let mut ticks = interval(Duration::from_secs(1) / per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for (n, sent) in self.sent.iter().enumerate() {
            ticks.tick().await;
            sent.get_or_init(Instant::now);
            worker.emit(&job, n).await?;
        }
        Ok(())
    }

    /// Notes when each event arrives. They have to come one by one in their order.
    async fn read(self: Arc<Self>, mut stream: Streaming) -> anyhow::Result<()> {
        let mut rest = Vec::new();
        let mut expected = 0;
        loop {
            rest.extend_from_slice(&stream.next().await?);
            let arrived = Instant::now();
            while let Some(end) = find(&rest, b"\n\n") {
                let frame: Vec<u8> = rest.drain(..end + 2).collect();
                let Some(n) = number(&frame) else { continue };
                if n != expected {
                    bail!("event {n} came instead of {expected}");
                }
                expected += 1;
                if let Some(sent) = self.sent[n].get() {
                    self.lateness.note(arrived.duration_since(*sent));
                }
                self.received.add(1);
            }
        }
    }
}

/// The number of an event, if the frame is one of the bench.
fn number(frame: &[u8]) -> Option<usize> {
    // JSON that was stored comes back with a space there.
    let digits = frame.get(find(frame, MARK)? + MARK.len()..)?;
    let digits = digits.trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_the_bench_has_a_number_and_others_have_none() {
        assert_eq!(
            number(b"id: 7\ndata: {\"data\":{\"tick\":42}}\n\n"),
            Some(42)
        );
        assert_eq!(number(b"id: 7\ndata: {\"type\":\"run_updated\"}\n\n"), None);
        assert_eq!(number(b"id: 7\ndata: {\"tick\": 7}\n\n"), Some(7));
        assert_eq!(number(b":keepalive\n\n"), None);
    }
}
