//! The store as a process holds it: the pool, the batches of the hot path, and the doorbell.

use std::{sync::Arc, time::Duration};

use mobius_engine::Limits;
use mobius_types::{ProjectId, WorkflowRun, WorkflowSpec};
use rand::RngExt;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::{
    Db, Doorbell, Error, Prepared, Specs,
    advance::{Aftermath, Input, Means, advance_batch},
    batch::{Batcher, Outcomes},
    events::{self, Emission},
    follow_ups::FollowUps,
    hand_off::{Lane, Reservation, Takers},
    jobs::{self, Fence, Heartbeat, LeaseTerms, Marks},
    limits,
    runs::{self, StartRun},
};

/// The most items that share one transaction. More gain little and make each wait longer.
const BATCH: usize = 200;

/// The same for the events of workers, which are larger: a batch holds a hundred of 16 KiB each.
const EMISSIONS: usize = 32;

/// How long what goes on may take once the store closes.
const CLOSING: Duration = Duration::from_secs(5);

/// What the store is told when the process starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// How long leases hold.
    pub terms: LeaseTerms,
    /// How large a run may grow.
    pub limits: Limits,
}

/// Everything durable, as one process uses it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    settings: Settings,
    specs: Arc<Specs>,
    doorbell: Arc<Doorbell>,
    takers: Arc<Takers>,
    pub(crate) marks: Arc<Marks>,
    tasks: TaskTracker,
    starts: Arc<Batcher<StartRun, WorkflowRun>>,
    pub(crate) inputs: Arc<Batcher<Input, ()>>,
    heartbeats: Arc<Batcher<Fence, Heartbeat>>,
    emissions: Arc<Batcher<Emission, ()>>,
}

impl Store {
    /// Puts the parts together. Nothing is opened yet.
    #[must_use]
    pub fn new(db: Db, settings: Settings) -> Self {
        let specs = Arc::new(Specs::default());
        let doorbell = Arc::new(Doorbell::new(db.clone()));
        let takers = Arc::new(Takers::default());
        let parts = Parts {
            db: db.clone(),
            specs: Arc::clone(&specs),
            settings,
            takers: Arc::clone(&takers),
            doorbell: Arc::clone(&doorbell),
            follow_ups: Arc::new(FollowUps::default()),
        };
        let inputs = inputs(parts.clone());
        parts.follow_ups.go_to(&inputs);
        Self {
            starts: starts(parts),
            inputs,
            emissions: emissions(db.clone(), Arc::clone(&doorbell)),
            doorbell,
            takers,
            marks: Arc::default(),
            tasks: TaskTracker::new(),
            heartbeats: heartbeats(db.clone(), settings.terms),
            db,
            settings,
            specs,
        }
    }

    /// The pool, for statements that are not on the hot path.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// How long leases hold.
    #[must_use]
    pub fn terms(&self) -> LeaseTerms {
        self.settings.terms
    }

    /// What tells this and the other replicas of claimable jobs.
    #[must_use]
    pub fn doorbell(&self) -> &Arc<Doorbell> {
        &self.doorbell
    }

    /// What goes on beside requests and must come to its end before the process does: claims under way,
    /// and claims that are given back.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits for [`Self::tasks`], though not for long, and closes the pool.
    pub async fn close(&self) {
        self.tasks.close();
        if timeout(CLOSING, self.tasks.wait()).await.is_err() {
            tracing::warn!("some claims were not given back in time; their leases will be");
        }
        self.db.close().await;
    }

    /// Has new jobs go at once to workers that `reserve` finds, in the transactions that make them.
    /// It is asked for one worker a lane, and must find none while something older may be waiting
    /// there. To be called once.
    pub fn hand_off_to(
        &self,
        reserve: impl Fn(ProjectId, &[Lane<'_>]) -> Option<Reservation> + Send + Sync + 'static,
    ) {
        self.takers.found_by(reserve);
    }

    /// Validates and compiles a spec, and makes sure that the project has it stored.
    ///
    /// # Errors
    /// Every problem of the spec with its place, or the database failed.
    pub async fn prepare(
        &self,
        project: ProjectId,
        spec: WorkflowSpec,
    ) -> Result<Arc<Prepared>, Error> {
        let prepared = self.specs.prepare(spec)?;
        self.specs.save(&self.db, project, &prepared).await?;
        Ok(prepared)
    }

    /// Starts a run, together with others that arrive meanwhile.
    ///
    /// # Errors
    /// An unknown workflow, refused inputs, or the database failed; then nothing was stored.
    pub async fn start_run(
        &self,
        project: ProjectId,
        start: StartRun,
    ) -> Result<WorkflowRun, Error> {
        self.starts.submit(project, start).await
    }

    /// Which of the projects have a job that can be claimed now. One cheap look for many polls; the next
    /// claims there walk whole lanes, whatever was claimed before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn with_claimable_jobs(
        &self,
        projects: Vec<ProjectId>,
    ) -> Result<Vec<ProjectId>, Error> {
        let look = self.db.read(|connection| {
            Box::pin(async move { jobs::projects_with_claimable_jobs(connection, &projects).await })
        });
        let found = look.await?;
        self.marks.forget(&found);
        Ok(found)
    }

    /// Renews a lease, together with others that arrive meanwhile.
    ///
    /// # Errors
    /// An unknown job, a fence that is over, or the database failed.
    pub async fn heartbeat(&self, project: ProjectId, fence: Fence) -> Result<Heartbeat, Error> {
        self.heartbeats.submit(project, fence).await
    }

    /// Appends a worker's events to the history of its job's run, together with others that arrive
    /// meanwhile.
    ///
    /// # Errors
    /// An unknown job, a fence that is over, or the database failed; then none was stored.
    pub async fn emit(&self, project: ProjectId, emission: Emission) -> Result<(), Error> {
        self.emissions.submit(project, emission).await
    }

    /// Gives back a claim that its worker never heard of.
    ///
    /// # Errors
    /// The database failed; then the lease's end brings the job back.
    pub async fn release(&self, project: ProjectId, fence: Fence) -> Result<(), Error> {
        let release = self.db.write(move |tx| {
            Box::pin(async move {
                // The job, its limit, then the counter, which a release takes with the job's end: a
                // claim may hold the limit while it waits for the counter.
                let limited = limits::lock_of_job(tx, project, fence.job).await?;
                let is_claimable = jobs::release(tx, project, &fence).await?;
                if let (Some(lane), true) = (&limited, is_claimable) {
                    limits::open_of_job(tx, project, lane).await?;
                }
                Ok(is_claimable)
            })
        });
        if release.await? {
            // It stands where it stood before it was claimed.
            self.marks.forget(&[project]);
            self.doorbell.ring(project);
            self.doorbell.ring_events(project);
        }
        Ok(())
    }
}

/// What the batches work with.
#[derive(Clone)]
struct Parts {
    db: Db,
    specs: Arc<Specs>,
    settings: Settings,
    doorbell: Arc<Doorbell>,
    takers: Arc<Takers>,
    follow_ups: Arc<FollowUps>,
}

impl Parts {
    fn means(&self) -> Means<'_> {
        Means {
            specs: &self.specs,
            limits: &self.settings.limits,
            terms: self.settings.terms,
            takers: &self.takers,
        }
    }

    /// Does what a committed batch asks for. What the workers that wait here have taken is theirs;
    /// the bell rings for the rest, whether or not the callers are still there.
    fn conclude(&self, project: ProjectId, aftermath: Aftermath) {
        aftermath.hand_off.deliver();
        for delay in aftermath.claimable_in {
            self.doorbell.ring_after(project, delay);
        }
        if aftermath.has_events {
            self.doorbell.ring_events(project);
        }
        self.follow_ups.begin(project, aftermath.next);
    }
}

/// Batches of starts.
fn starts(parts: Parts) -> Arc<Batcher<StartRun, WorkflowRun>> {
    Batcher::new(
        BATCH,
        StartRun::weight,
        move |project, items: Arc<Vec<StartRun>>| {
            let parts = parts.clone();
            Box::pin(async move {
                let db = parts.db.clone();
                let means = parts.clone();
                let (started, aftermath) = db
                    .write(move |tx| {
                        Box::pin(async move {
                            runs::start_batch(tx, &means.means(), project, &items).await
                        })
                    })
                    .await?;
                parts.conclude(project, aftermath);
                Ok(started)
            })
        },
    )
}

/// Batches of what moves runs.
fn inputs(parts: Parts) -> Arc<Batcher<Input, ()>> {
    Batcher::new(
        BATCH,
        Input::weight,
        move |project, items: Arc<Vec<Input>>| {
            let parts = parts.clone();
            Box::pin(async move {
                let db = parts.db.clone();
                let means = parts.clone();
                let (outcomes, aftermath) = db
                    .write(move |tx| {
                        Box::pin(async move {
                            advance_batch(tx, &means.means(), project, &items, uniform).await
                        })
                    })
                    .await?;
                parts.conclude(project, aftermath);
                Ok(outcomes)
            })
        },
    )
}

/// Batches of workers' events, those of busy jobs alone as for heartbeats.
fn emissions(db: Db, doorbell: Arc<Doorbell>) -> Arc<Batcher<Emission, ()>> {
    Batcher::new(
        EMISSIONS,
        |_| 0,
        move |project, items: Arc<Vec<Emission>>| {
            let (db, doorbell) = (db.clone(), Arc::clone(&doorbell));
            Box::pin(async move {
                let emissions = Arc::clone(&items);
                let answers = db
                    .write(move |tx| {
                        Box::pin(async move { events::emit_batch(tx, project, &emissions).await })
                    })
                    .await?;
                let emitted = with_passed_over(&items, answers, |emission| {
                    db.write(move |tx| {
                        Box::pin(async move { events::emit_alone(tx, project, &emission).await })
                    })
                })
                .await;
                if emitted.iter().any(Result::is_ok) {
                    doorbell.ring_events(project);
                }
                Ok(emitted)
            })
        },
    )
}

/// Batches of heartbeats. One for a job that another transaction holds waits for that alone, so
/// that it neither holds up the others nor can deadlock with their locks.
fn heartbeats(db: Db, terms: LeaseTerms) -> Arc<Batcher<Fence, Heartbeat>> {
    Batcher::new(
        BATCH,
        |_| 0,
        move |project, items: Arc<Vec<Fence>>| {
            let db = db.clone();
            Box::pin(async move {
                let fences = Arc::clone(&items);
                let answers = db
                    .write(move |tx| {
                        Box::pin(
                            async move { jobs::heartbeat_batch(tx, project, &fences, terms).await },
                        )
                    })
                    .await?;
                let renewed = with_passed_over(&items, answers, |fence| {
                    db.write(move |tx| {
                        Box::pin(
                            async move { jobs::heartbeat_alone(tx, project, &fence, terms).await },
                        )
                    })
                });
                Ok(renewed.await)
            })
        },
    )
}

/// What became of the items of a batch, once those were done `alone` that it passed over.
async fn with_passed_over<I: Clone, O, F>(
    items: &[I],
    answers: Outcomes<Option<O>>,
    alone: impl Fn(I) -> F,
) -> Outcomes<O>
where
    F: Future<Output = Result<O, Error>>,
{
    let mut outcomes = Vec::with_capacity(items.len());
    for (item, answer) in items.iter().zip(answers) {
        outcomes.push(match answer.transpose() {
            Some(answer) => answer,
            None => alone(item.clone()).await,
        });
    }
    outcomes
}

/// A number that is uniform in [0, 1): the jitter of retry delays.
fn uniform() -> f64 {
    rand::rng().random()
}
