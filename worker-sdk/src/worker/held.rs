//! The jobs that this worker holds, each with a lease that it judges by its own clock.
//!
//! A lease ends here before it ends there: it is counted from the instant *before* the request
//! that got or renewed it was sent, and the action is stopped a margin earlier still. So no other
//! worker can have the job while the action runs here, even if every heartbeat hangs.
//! Nothing here talks to the control plane.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mobius_types::{JobClaim, JobId};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::cancellation::{CancelReason, Cancellation};

/// What the contract recommends, for a server that does not say.
const DEFAULT_LEASE: Duration = Duration::from_secs(90);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// The action is stopped this long before the lease ends, or a quarter of the lease if that is
/// less. It is the time to stop in good order.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

/// One claimed attempt of a job.
pub(crate) struct HeldJob {
    pub(crate) job_id: JobId,
    pub(crate) attempt: i32,
    pub(crate) cancellation: Cancellation,
    pub(crate) heartbeat_interval: Duration,
    lease: Duration,
    margin: Duration,
    /// Before this instant the control plane gives the job to nobody else.
    ends_at: watch::Sender<Instant>,
    /// Fires when the control plane has said that the lease is gone.
    lost: CancellationToken,
    beat_at: Mutex<Instant>,
}

impl HeldJob {
    /// A job that came in the answer to a claim that was sent at `asked_at`.
    pub(crate) fn new(claim: &JobClaim, asked_at: Instant) -> Self {
        let lease = seconds(claim.lease_seconds, DEFAULT_LEASE);
        let heartbeat_interval = seconds(claim.heartbeat_interval_seconds, DEFAULT_INTERVAL);
        Self {
            job_id: claim.job_id,
            attempt: claim.attempt,
            cancellation: Cancellation::default(),
            heartbeat_interval,
            lease,
            margin: LONGEST_MARGIN.min(lease / 4),
            ends_at: watch::Sender::new(asked_at + lease),
            lost: CancellationToken::new(),
            beat_at: Mutex::new(Instant::now() + jittered(heartbeat_interval)),
        }
    }

    /// Whether the lease may run out before the first regular heartbeat can renew it. So it is
    /// after a long poll that was parked for much of a short lease.
    pub(crate) fn is_tight(&self) -> bool {
        self.stop_at() < Instant::now() + self.heartbeat_interval
    }

    /// The lease was renewed by a heartbeat that was sent at this instant.
    pub(crate) fn renewed(&self, sent_at: Instant) {
        let ends_at = sent_at + self.lease;
        self.ends_at.send_if_modified(|current| {
            let later = ends_at > *current;
            *current = ends_at.max(*current);
            later
        });
        self.beat_again_at(sent_at + jittered(self.heartbeat_interval));
    }

    /// The control plane said that the lease is gone.
    pub(crate) fn lose(&self) {
        self.lost.cancel();
    }

    /// Whether another worker may have the job by now.
    pub(crate) fn is_over(&self) -> bool {
        self.lost.is_cancelled() || Instant::now() >= self.ends_at()
    }

    /// Whether it is too late to start, or to go on with, the action.
    pub(crate) fn must_stop(&self) -> bool {
        self.lost.is_cancelled() || Instant::now() >= self.stop_at()
    }

    /// Waits until the action must stop for the lease's sake.
    pub(crate) async fn until_must_stop(&self) {
        let mut renewals = self.ends_at.subscribe();
        while !self.must_stop() {
            tokio::select! {
                () = self.lost.cancelled() => {}
                () = sleep_until(self.stop_at()) => {}
                changed = renewals.changed() => changed.expect("the sender is in self"),
            }
        }
    }

    /// The instant at which the lease ends if it is not renewed.
    pub(crate) fn ends_at(&self) -> Instant {
        *self.ends_at.borrow()
    }

    /// When the next heartbeat is due.
    fn beat_at(&self) -> Instant {
        *lock(&self.beat_at)
    }

    /// Sets when the next heartbeat is due.
    pub(crate) fn beat_again_at(&self, instant: Instant) {
        *lock(&self.beat_at) = instant;
    }

    fn stop_at(&self) -> Instant {
        self.ends_at() - self.margin
    }
}

/// All jobs that the worker holds: running, or ended and not yet acknowledged.
///
/// A job can be here twice: a lost attempt whose action still winds down, and a new one.
#[derive(Default)]
pub(crate) struct HeldJobs {
    jobs: Mutex<HashMap<(JobId, i32), Arc<HeldJob>>>,
    added: Notify,
}

impl HeldJobs {
    pub(crate) fn add(&self, job: Arc<HeldJob>) {
        lock(&self.jobs).insert((job.job_id, job.attempt), job);
        self.added.notify_one();
    }

    pub(crate) fn remove(&self, job: &HeldJob) {
        lock(&self.jobs).remove(&(job.job_id, job.attempt));
    }

    /// Tells every action to stop.
    pub(crate) fn cancel_all(&self, reason: CancelReason) {
        for job in lock(&self.jobs).values() {
            job.cancellation.cancel(reason);
        }
    }

    /// Waits until heartbeats are due, and says for which jobs.
    pub(crate) async fn due(&self) -> Vec<Arc<HeldJob>> {
        loop {
            let next = self.still_ours().iter().map(|job| job.beat_at()).min();
            let Some(next) = next else {
                self.added.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(next) => return self.due_now(),
                () = self.added.notified() => {}
            }
        }
    }

    /// What is due soon is taken along: jobs of one worker drift into one common beat.
    fn due_now(&self) -> Vec<Arc<HeldJob>> {
        let now = Instant::now();
        let mut due = self.still_ours();
        due.retain(|job| job.beat_at() <= now + job.heartbeat_interval / 2);
        due
    }

    fn still_ours(&self) -> Vec<Arc<HeldJob>> {
        let jobs = lock(&self.jobs);
        let ours = jobs.values().filter(|job| !job.is_over());
        ours.map(Arc::clone).collect()
    }
}

/// A holder of these locks can't panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds(given: Option<i32>, default: Duration) -> Duration {
    let given = given.and_then(|seconds| u64::try_from(seconds).ok());
    match given {
        Some(0) | None => default,
        Some(seconds) => Duration::from_secs(seconds),
    }
}

/// A little less than the interval, and different each time, so that workers that started
/// together do not beat together.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(0.8..1.0))
}
