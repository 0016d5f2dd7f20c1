//! What the loops of one running worker share.

use std::{collections::HashMap, sync::Arc, time::Duration};

use mobius_types::{JobBatchClaimRequest, JobClaimRequest, JobFenceRequest};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    held::{HeldJob, HeldJobs},
    report::Report,
};
use crate::{action::Handler, context::States};

/// The fixed part of a worker.
pub(crate) struct Settings {
    pub(crate) worker_id: String,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) concurrency: usize,
    pub(crate) poll_wait: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) actions: HashMap<String, Handler>,
    pub(crate) states: Arc<States>,
}

impl Settings {
    /// A claim of up to this many jobs.
    pub(crate) fn claim_request(&self, max_jobs: usize) -> JobBatchClaimRequest {
        let mut actions: Vec<_> = self.actions.keys().cloned().collect();
        // The server groups parked polls by equal filters.
        actions.sort();
        let claim = JobClaimRequest {
            worker_id: self.worker_id.clone(),
            agent_id: None,
            agent_session_id: None,
            worker_name: self.name.clone(),
            worker_version: self.version.clone(),
            queues: self.queues.clone(),
            actions,
            wait_seconds: i32::try_from(self.poll_wait.as_secs()).ok(),
        };
        JobBatchClaimRequest {
            claim,
            max_jobs: i32::try_from(max_jobs).unwrap_or(i32::MAX),
        }
    }

    /// The proof that a call speaks for this attempt.
    pub(crate) fn fence(&self, job: &HeldJob) -> JobFenceRequest {
        JobFenceRequest {
            worker_id: self.worker_id.clone(),
            attempt: job.attempt,
        }
    }
}

/// A running worker.
pub(crate) struct Session<J> {
    pub(crate) api: Arc<J>,
    pub(crate) settings: Settings,
    pub(crate) held: HeldJobs,
    /// One permit for each action that may still be started.
    pub(crate) slots: Arc<Semaphore>,
    /// The actions that run.
    pub(crate) running: TaskTracker,
    /// Where ended attempts go; bounded, so that a server that takes no reports gets no claims.
    pub(crate) reports: mpsc::Sender<Report>,
    /// Fires when no action runs any more and none will: no more reports come.
    pub(crate) all_ended: CancellationToken,
}

impl<J> Session<J> {
    pub(crate) fn new(api: Arc<J>, settings: Settings) -> (Arc<Self>, mpsc::Receiver<Report>) {
        let (reports, incoming) = mpsc::channel(settings.concurrency);
        let session = Self {
            api,
            held: HeldJobs::default(),
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            running: TaskTracker::new(),
            reports,
            all_ended: CancellationToken::new(),
            settings,
        };
        (Arc::new(session), incoming)
    }
}
