//! The dispatcher: parks claims in memory and hands jobs to them.
//!
//! A parked claim holds no connection and asks no query. The dispatcher looks for jobs of a
//! project when a claim is parked, when the doorbell rings, when a retry's delay is over, and once
//! a second for all projects with one statement; each look claims for every waiting poll with the
//! same filter at once.

mod alarms;
mod answer;
mod hand_off;
mod offer;
mod parked;
mod rounds;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mobius_store::{Ring, Store, jobs::ClaimFilter};
use mobius_types::{ProjectId, UserId};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::ApiError;
use alarms::Alarms;
pub(crate) use answer::answer;
pub(crate) use offer::Offer;
use parked::{Parked, Waiter};

/// How often the dispatcher looks although nobody rang.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A worker that asks for jobs.
#[derive(Debug, Clone)]
pub(crate) struct Claimant {
    pub(crate) project: ProjectId,
    pub(crate) filter: ClaimFilter,
    pub(crate) worker: String,
    pub(crate) actor: UserId,
    pub(crate) max_jobs: usize,
}

/// All parked claims of a replica.
pub(crate) struct Dispatcher {
    /// Shared, because every offer holds it.
    store: Arc<Store>,
    projects: Mutex<HashMap<ProjectId, Parked>>,
    alarms: Alarms,
    /// When limits let jobs through again; told to the other replicas, too.
    openings: Alarms,
    /// Set when the server drains: no claim waits any more.
    draining: CancellationToken,
}

impl Dispatcher {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        let dispatcher = Arc::new(Self {
            store: Arc::new(store.clone()),
            projects: Mutex::default(),
            alarms: Alarms::default(),
            openings: Alarms::default(),
            draining: CancellationToken::new(),
        });
        let ringing = Arc::downgrade(&dispatcher);
        store.doorbell().on_ring(move |ring| {
            if let Some(dispatcher) = ringing.upgrade() {
                dispatcher.hear(ring);
            }
        });
        let taking = Arc::downgrade(&dispatcher);
        store.hand_off_to(move |project, lanes| taking.upgrade()?.reserve(project, lanes));
        dispatcher
    }

    /// Waits for jobs until the window closes. Never answers empty before that, except when the
    /// server drains.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        claimant: Claimant,
        window: Duration,
    ) -> Result<Offer, ApiError> {
        let closes_at = Instant::now() + window;
        let (reply, mut offer) = oneshot::channel();
        let is_patient = !window.is_zero() && !self.draining.is_cancelled();
        self.park(claimant, is_patient, reply);
        if !is_patient {
            return offer.await.unwrap_or(Err(ApiError::Unavailable));
        }
        tokio::select! {
            // Jobs that are there count, also when the window closes at the same moment.
            biased;
            // Without an answer the look that was to give one has failed.
            answer = &mut offer => return answer.unwrap_or(Err(ApiError::Unavailable)),
            () = tokio::time::sleep_until(closes_at) => {}
            () = self.draining.cancelled() => {}
        }
        // From here on the dispatcher can't answer any more; what it has sent already is taken.
        offer.close();
        offer.try_recv().unwrap_or_else(|_| Ok(Offer::empty()))
    }

    /// Looks for jobs until told to stop, then answers every parked claim.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let looks = async {
            let mut every = tokio::time::interval(LOOK_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                self.look_everywhere().await;
            }
        };
        let alarms = self.alarms.run(|project| self.wake(project));
        let openings = self
            .openings
            .run(|project| self.store.doorbell().ring(project));
        tokio::select! {
            () = looks => {}
            () = alarms => {}
            () = openings => {}
            () = stop.cancelled() => {}
        }
        self.drain();
    }

    /// Answers every parked claim with what it has, which is nothing, and parks none any more.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    fn hear(self: &Arc<Self>, ring: Ring) {
        match ring {
            Ring::Project(project, delay) if delay.is_zero() => self.wake(project),
            Ring::Project(project, delay) => self.alarms.set(project, Instant::now() + delay),
            // Jobs are rung for by themselves.
            Ring::Events(_) => {}
            Ring::Everything => {
                let projects: Vec<ProjectId> = self.lock().keys().copied().collect();
                projects.into_iter().for_each(|project| self.wake(project));
            }
        }
    }

    /// Registers the claim, and makes sure that somebody looks after that.
    fn park(
        self: &Arc<Self>,
        claimant: Claimant,
        is_patient: bool,
        reply: oneshot::Sender<Result<Offer, ApiError>>,
    ) {
        let project = claimant.project;
        let waiter = Waiter {
            worker: claimant.worker,
            actor: claimant.actor,
            max_jobs: claimant.max_jobs,
            is_patient,
            parked_at: Instant::now(),
            reply,
        };
        let needs_look = self
            .lock()
            .entry(project)
            .or_default()
            .add(claimant.filter, waiter);
        if needs_look {
            self.wake(project);
        }
    }

    /// Has the project looked at, now or right after the look that is going on.
    fn wake(self: &Arc<Self>, project: ProjectId) {
        let starts = self.lock().get_mut(&project).is_some_and(Parked::ring);
        if starts {
            let tasks = self.store.tasks();
            tasks.spawn(Arc::clone(self).serve(project));
        }
    }

    /// One statement finds the projects in which parked claims could get something.
    async fn look_everywhere(self: &Arc<Self>) {
        let projects = self.tidy();
        if projects.is_empty() {
            return;
        }
        match self.store.with_claimable_jobs(projects).await {
            Ok(projects) => projects.into_iter().for_each(|project| self.wake(project)),
            Err(error) => tracing::debug!(%error, "the look for claimable jobs failed"),
        }
    }

    /// Forgets claims whose client is gone, and returns the projects with claims that wait.
    fn tidy(&self) -> Vec<ProjectId> {
        let mut projects = self.lock();
        projects.retain(|_, parked| parked.tidy());
        projects
            .iter()
            .filter(|(_, parked)| parked.has_waiters())
            .map(|(id, _)| *id)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Parked>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
