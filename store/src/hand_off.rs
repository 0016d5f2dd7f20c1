//! Jobs that go to waiting workers in the very transaction that makes them: no second transaction
//! claims them, and no queue is between.
//!
//! The store knows nothing of polls. Whoever parks them says how waiting workers are found; those
//! that are found belong to the transaction until it ends, and wait on when it made nothing of them.

use std::sync::OnceLock;

use mobius_types::ProjectId;

use crate::jobs::{ClaimSlot, ClaimedJob};

/// Where a new job would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane<'l> {
    /// Its queue.
    pub queue: &'l str,
    /// Its action.
    pub action: &'l str,
}

/// Told once what became of a reservation: the jobs that were committed, each with the place of its
/// slot, or none.
type Settle = Box<dyn FnOnce(Vec<ClaimedJob>) + Send>;

/// Workers that stopped waiting in order to take jobs that are about to be made.
pub struct Reservation {
    /// Who takes each of the jobs that were asked for, in their order.
    pub slots: Vec<Option<ClaimSlot>>,
    /// What is done with the jobs, or with the workers when there are none.
    pub settle: Settle,
}

/// Finds workers that wait for jobs of these lanes, and for which nothing older can be waiting.
type Reserve = dyn Fn(ProjectId, &[Lane<'_>]) -> Option<Reservation> + Send + Sync;

/// The workers that wait at this replica, if any can.
#[derive(Default)]
pub(crate) struct Takers(OnceLock<Box<Reserve>>);

impl Takers {
    /// Says how they are found; the first one counts.
    pub(crate) fn found_by(
        &self,
        reserve: impl Fn(ProjectId, &[Lane<'_>]) -> Option<Reservation> + Send + Sync + 'static,
    ) {
        // Set once, when the process is put together.
        let _ = self.0.set(Box::new(reserve));
    }

    pub(crate) fn reserve(&self, project: ProjectId, lanes: &[Lane<'_>]) -> Option<Reservation> {
        if lanes.is_empty() {
            return None;
        }
        self.0.get()?(project, lanes)
    }
}

/// Claimed jobs of a transaction that has not been committed yet. Dropped before that, the workers
/// wait on.
#[derive(Default)]
pub(crate) struct HandOff {
    jobs: Vec<ClaimedJob>,
    settle: Option<Settle>,
}

impl HandOff {
    pub(crate) fn new(jobs: Vec<ClaimedJob>, settle: Settle) -> Self {
        Self {
            jobs,
            settle: Some(settle),
        }
    }

    /// The transaction has been committed: the workers have their jobs.
    pub(crate) fn deliver(mut self) {
        if let Some(settle) = self.settle.take() {
            settle(std::mem::take(&mut self.jobs));
        }
    }
}

impl Drop for HandOff {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle(Vec::new());
        }
    }
}
