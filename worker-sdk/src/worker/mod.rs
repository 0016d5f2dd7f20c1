//! The worker: claims jobs, runs actions, keeps leases, reports, drains.
//!
//! Here is what an author sets up and the order of start and stop. The loops are one file each:
//! `claim`, `heartbeat`, `report`; `execute` is the life of one attempt and `held` its lease.

mod api;
mod claim;
mod execute;
mod heartbeat;
mod held;
mod identity;
mod outcome;
mod report;
mod session;
mod shutdown;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap, convert::Infallible, future::Future, io, sync::Arc, time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Action, CancelReason, Client, ClientError, ConfigError,
    action::{Handler, erase},
    context::States,
};
use api::JobApi;
use session::{Session, Settings};

/// The longest window of a poll that the contract allows.
const LONGEST_POLL: Duration = Duration::from_secs(30);

/// Shorter windows would turn an idle worker into a stream of requests.
const SHORTEST_POLL: Duration = Duration::from_secs(1);

/// Why a worker ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It was given no action.
    #[error("a worker needs at least one action")]
    NoActions,
    /// The control plane does not let this worker claim: wrong key, no permission, no such
    /// project, or a request that it does not understand.
    #[error("the control plane refuses this worker's claims")]
    Refused(#[source] ClientError),
    /// The handlers of stop signals could not be installed.
    #[error("the stop signals can't be handled")]
    Signals(#[source] io::Error),
}

/// A worker that is being set up; [`run`](Self::run) starts it.
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    client: Client,
    worker_id: Option<String>,
    name: Option<String>,
    version: Option<String>,
    queues: Vec<String>,
    concurrency: usize,
    poll_wait: Duration,
    drain_timeout: Duration,
    actions: HashMap<String, Handler>,
    states: States,
}

impl Worker {
    /// A worker of this client's project: 10 actions at a time, from any queue.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            worker_id: None,
            name: None,
            version: None,
            queues: Vec::new(),
            concurrency: 10,
            poll_wait: LONGEST_POLL,
            drain_timeout: Duration::from_secs(30),
            actions: HashMap::new(),
            states: States::default(),
        }
    }

    /// A worker with a client as `MOBIUS_API_URL`, `MOBIUS_API_KEY` and `MOBIUS_PROJECT` say.
    ///
    /// # Errors
    /// If one of the first two is not set, or is malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self::new(Client::from_env()?))
    }

    /// Claims from these queues only.
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// Runs up to this many actions at a time; at least one.
    pub fn concurrency(mut self, actions: usize) -> Self {
        self.concurrency = actions.max(1);
        self
    }

    /// Shares this value with all actions, one of each type: `ctx.state::<T>()`.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Runs this for jobs with this action; a second one of the same name takes its place.
    pub fn action<P, A>(mut self, name: impl Into<String>, action: A) -> Self
    where
        P: DeserializeOwned + Send,
        A: Action<P>,
    {
        self.actions.insert(name.into(), erase(action));
        self
    }

    /// Identifies the process to the control plane. Without it: host name, process id and
    /// something random. Two processes must never share one.
    pub fn worker_id(mut self, id: impl Into<String>) -> Self {
        self.worker_id = Some(id.into());
        self
    }

    /// The name that people see in the list of workers.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The version that people see in the list of workers.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Holds each poll open for this long: 1 to 30 whole seconds, 30 by default.
    pub fn poll_wait(mut self, wait: Duration) -> Self {
        self.poll_wait = wait.clamp(SHORTEST_POLL, LONGEST_POLL);
        self
    }

    /// Gives running actions this long to end by themselves when the worker stops, instead of
    /// 30 seconds. Set it shorter than what the platform allows between SIGTERM and SIGKILL.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Runs until SIGTERM or SIGINT, then drains. A second signal ends the draining.
    ///
    /// # Errors
    /// If the control plane refuses this worker's claims; what runs is drained first.
    pub async fn run(self) -> Result<(), WorkerError> {
        let mut signals = shutdown::stop_signals().map_err(WorkerError::Signals)?;
        let stop = CancellationToken::new();
        let hurry = CancellationToken::new();
        let (told, hurried) = (stop.clone(), hurry.clone());
        let listen = async move {
            for token in [told, hurried] {
                signals.recv().await;
                token.cancel();
            }
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            ended = self.start(stop, hurry) => ended,
            never = listen => match never {},
        }
    }

    /// Runs until this future ends, then drains. Signals are left to the caller.
    ///
    /// Dropping the returned future is like a crash: the actions are told to stop, nothing is
    /// reported, and the jobs come back when their leases end.
    ///
    /// # Errors
    /// If the control plane refuses this worker's claims; what runs is drained first.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let stop = CancellationToken::new();
        let running = self.start(stop.clone(), CancellationToken::new());
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => return ended,
            () = shutdown => stop.cancel(),
        }
        running.await
    }

    async fn start(
        self,
        stop: CancellationToken,
        hurry: CancellationToken,
    ) -> Result<(), WorkerError> {
        if self.actions.is_empty() {
            // No filter would mean any action, and all of them would fail here.
            return Err(WorkerError::NoActions);
        }
        let (client, settings) = self.into_parts();
        run_loops(Arc::new(client), settings, stop, hurry).await
    }

    fn into_parts(self) -> (Client, Settings) {
        let settings = Settings {
            worker_id: self.worker_id.unwrap_or_else(identity::worker_id),
            name: self.name,
            version: self.version,
            queues: self.queues,
            concurrency: self.concurrency,
            poll_wait: self.poll_wait,
            drain_timeout: self.drain_timeout,
            actions: self.actions,
            states: Arc::new(self.states),
        };
        (self.client, settings)
    }
}

/// Tells the actions to stop if the worker's future is dropped: nobody keeps their leases then.
struct StopOnDrop<J>(Arc<Session<J>>);

impl<J> Drop for StopOnDrop<J> {
    fn drop(&mut self) {
        self.0.held.cancel_all(CancelReason::Shutdown);
    }
}

/// Starts the loops, claims until told to stop, then ends them in the order that loses nothing:
/// claims, actions, reports, and heartbeats last, because they keep the others' leases alive.
async fn run_loops<J: JobApi>(
    api: Arc<J>,
    settings: Settings,
    stop: CancellationToken,
    hurry: CancellationToken,
) -> Result<(), WorkerError> {
    let (session, incoming) = Session::new(api, settings);
    tracing::info!(worker_id = session.settings.worker_id, "the worker starts");
    let _guard = StopOnDrop(Arc::clone(&session));
    // Sets of tasks end with this function, even if it is dropped half-way.
    let mut heartbeats = JoinSet::new();
    heartbeats.spawn(heartbeat::run(Arc::clone(&session)));
    let mut reports = JoinSet::new();
    reports.spawn(report::run(Arc::clone(&session), incoming));
    let claimed = claim::run(&session, &stop).await;
    if let Err(error) = &claimed {
        tracing::error!(%error, "the control plane refuses this worker's claims");
    }
    shutdown::drain(&session, hurry.cancelled()).await;
    session.all_ended.cancel();
    if timeout(shutdown::FLUSH, reports.join_next()).await.is_err() {
        tracing::warn!("some reports were not acknowledged; their jobs will run again");
    }
    tracing::info!("the worker has stopped");
    claimed.map_err(WorkerError::Refused)
}
