//! The whole way: start, claim, complete, one call each.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{
    bench::Bench,
    load::{
        Gate, Load, Site,
        client::Client,
        crew::{Crew, Progress},
        durations::Durations,
        site::{Workflow, runs_path},
        work::Worker,
    },
    process::order::Outcome,
    report::Case,
};

/// The length of a window of [`Outcome::series`].
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// The name of that series.
pub(crate) const WINDOWS: &str = "runs/s by 10 s";

/// Runs that have begun and not ended when the load lasts for a time: enough to keep every worker
/// busy, and too few to hide slow workers behind fast starts.
const OPEN_PER_CALLER: usize = 8;

/// As many starters as workers, a connection each.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cycle {
    pub(crate) callers: usize,
    pub(crate) extent: Extent,
    /// How many steps a run has.
    pub(crate) steps: usize,
}

/// How much.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Extent {
    Runs(usize),
    Seconds(u64),
}

/// Measures it at several numbers of callers.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        for (callers, runs) in [(1, 1_500), (16, 10_000), (64, 30_000), (256, 60_000)] {
            let label = format!("cycle, {callers} starters + {callers} workers");
            let case = Case::new(format!("cycle-{callers}"), label, "runs/s");
            let cycle = Cycle {
                callers,
                extent: Extent::Runs(bench.amount(runs)),
                steps: 1,
            };
            bench.measure(&case, &stage, Load::Cycle(cycle)).await?;
        }
    }
    bench.end(stage).await
}

/// What the tasks share.
struct Course {
    workflow: Workflow,
    begun: Instant,
    extent: Extent,
    started: AtomicUsize,
    /// Runs that may still be begun while others are open.
    room: Semaphore,
    jobs: Progress,
    steps: usize,
    /// How long each start and each report took.
    calls: Durations,
    /// How many runs ended in each window.
    windows: Mutex<Vec<usize>>,
}

impl Cycle {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let workflow = site.chain(self.steps).await?;
        let starters = site.connect_many(self.callers).await?;
        let workers = site.connect_many(self.callers).await?;
        gate.open().await?;
        let course = Arc::new(self.course(workflow));
        let mut crew = Crew::default();
        for client in starters {
            crew.add(Arc::clone(&course).start(client));
        }
        for (index, client) in workers.into_iter().enumerate() {
            let worker = Worker::new(client, index, &course.workflow.action, 1);
            crew.add(Arc::clone(&course).work(worker));
        }
        crew.until_reached(&course.jobs).await?;
        let seconds = course.begun.elapsed().as_secs_f64();
        let mut outcome = Outcome::new(course.jobs.done() / self.steps, seconds);
        if let Extent::Seconds(wanted) = self.extent {
            let whole = usize::try_from(wanted / WINDOW.as_secs())?;
            outcome.series = [(WINDOWS.to_owned(), course.rates(whole))].into();
        }
        Ok(course.calls.add_to(outcome))
    }

    fn course(self, workflow: Workflow) -> Course {
        let (room, jobs) = match self.extent {
            Extent::Runs(runs) => (runs, runs * self.steps),
            Extent::Seconds(_) => (self.callers * OPEN_PER_CALLER, usize::MAX),
        };
        Course {
            workflow,
            begun: Instant::now(),
            extent: self.extent,
            started: AtomicUsize::new(0),
            room: Semaphore::new(room),
            jobs: Progress::towards(jobs),
            steps: self.steps,
            calls: Durations::default(),
            windows: Mutex::default(),
        }
    }
}

impl Course {
    /// Starts runs for as long as the extent says.
    async fn start(self: Arc<Self>, mut client: Client) -> anyhow::Result<()> {
        let path = runs_path();
        loop {
            self.room.acquire().await?.forget();
            let n = self.started.fetch_add(1, Ordering::SeqCst);
            let is_over = match self.extent {
                Extent::Runs(runs) => n >= runs,
                Extent::Seconds(seconds) => self.begun.elapsed().as_secs() >= seconds,
            };
            if is_over {
                self.stop_starting();
                return Ok(());
            }
            let called = Instant::now();
            let start = self.workflow.start(n);
            client.post(&path, start.as_bytes()).await?;
            self.calls.note(called.elapsed());
        }
    }

    /// This starter got a number that it did not use; the others that wait for room look, too.
    fn stop_starting(&self) {
        self.room.add_permits(1);
        let started = self.started.fetch_sub(1, Ordering::SeqCst) - 1;
        if matches!(self.extent, Extent::Seconds(_)) {
            self.jobs.want(started * self.steps);
        }
    }

    /// Claims and completes until it is left.
    async fn work(self: Arc<Self>, mut worker: Worker) -> anyhow::Result<()> {
        loop {
            let Some(job) = worker.claim().await? else {
                continue;
            };
            let called = Instant::now();
            worker.complete(&job).await?;
            self.calls.note(called.elapsed());
            if self.jobs.add(1).is_multiple_of(self.steps) {
                self.note_end();
                if matches!(self.extent, Extent::Seconds(_)) {
                    self.room.add_permits(1);
                }
            }
        }
    }

    fn note_end(&self) {
        let window = (self.begun.elapsed().as_secs_f64() / WINDOW.as_secs_f64()) as usize;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() <= window {
            windows.resize(window + 1, 0);
        }
        windows[window] += 1;
    }

    /// Runs a second in each of the first windows.
    fn rates(&self, count: usize) -> Vec<f64> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = windows.iter().take(count);
        whole
            .map(|runs| *runs as f64 / WINDOW.as_secs_f64())
            .collect()
    }
}
