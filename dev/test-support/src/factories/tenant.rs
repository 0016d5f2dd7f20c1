//! A project, and what its people and workers do.

use std::{sync::Arc, time::Duration};

use mobius_store::{
    Error, Prepared, Store, bootstrap, clock,
    jobs::{ClaimFilter, ClaimSlot, Claimed, Fence, Heartbeat, Settlement},
    keys::SecretKey,
    limits,
    projects::{self, NewProject},
    runs,
    workflows::{self, NewWorkflow},
};
use mobius_types::{
    Job, OrgId, ProjectId, RunId, UserId, WorkflowDefinition, WorkflowRun, WorkflowRunDetail,
    WorkflowSpec,
};
use sqlx::{Connection, Postgres, pool::PoolConnection};

use super::{Held, RunDraft};

/// A project as one replica serves it.
#[derive(Clone)]
pub struct Tenant {
    /// The replica.
    pub store: Store,
    /// The organisation.
    pub org: OrgId,
    /// Its owner, who also is the actor of its workers.
    pub user: UserId,
    /// The project.
    pub project: ProjectId,
    /// An owner's key.
    pub key: SecretKey,
}

impl Tenant {
    /// The first project of a fresh server.
    pub async fn bootstrap(store: Store) -> Tenant {
        let made = store
            .db()
            .write(|tx| Box::pin(bootstrap::bootstrap(tx, "test")))
            .await
            .expect("a migrated database takes its first organisation");
        Tenant {
            store,
            org: made.org,
            user: made.owner,
            project: made.project,
            key: made.key,
        }
    }

    /// The same project as another replica serves it.
    pub fn on(&self, store: Store) -> Tenant {
        Tenant {
            store,
            ..self.clone()
        }
    }

    /// Another project of the organisation.
    pub async fn another_project(&self, handle: &str) -> Tenant {
        let new = NewProject {
            name: handle.to_owned(),
            handle: handle.to_owned(),
            description: None,
        };
        let mut connection = self.connection().await;
        let made = projects::create(&mut connection, self.org, self.user, new)
            .await
            .expect("the handle is new");
        Tenant {
            project: made.id,
            ..self.clone()
        }
    }

    /// A connection of the replica's pool.
    pub async fn connection(&self) -> PoolConnection<Postgres> {
        let connection = self.store.db().acquire().await;
        connection.expect("the test server is up and the pool large enough")
    }

    /// Moves the clock of the whole database forward.
    pub async fn advance_clock(&self, by: Duration) {
        clock::advance(&mut *self.connection().await, by)
            .await
            .expect("the clock moves");
    }

    /// Compiles and saves a spec.
    pub async fn prepare(&self, spec: WorkflowSpec) -> Arc<Prepared> {
        let prepared = self.store.prepare(self.project, spec).await;
        prepared.expect("the spec of a test is valid")
    }

    /// Saves a workflow under a name that also is its handle.
    pub async fn save_workflow(&self, name: &str, spec: WorkflowSpec) -> WorkflowDefinition {
        self.save(name, spec, false).await
    }

    /// Saves a workflow as a tool; its name also is its handle.
    pub async fn publish(&self, name: &str, spec: WorkflowSpec) -> WorkflowDefinition {
        self.save(name, spec, true).await
    }

    async fn save(&self, name: &str, spec: WorkflowSpec, is_tool: bool) -> WorkflowDefinition {
        let new = NewWorkflow {
            name: name.to_owned(),
            handle: name.to_owned(),
            description: None,
            published_as_tool: is_tool,
            spec: self.prepare(spec).await,
        };
        let mut connection = self.connection().await;
        workflows::create(&mut connection, self.project, self.user, new)
            .await
            .expect("the workflow's name is new")
    }

    /// Starts a run.
    pub async fn start(&self, draft: RunDraft) -> WorkflowRun {
        let start = draft.prepare(self).await;
        let run = self.store.start_run(self.project, start).await;
        run.expect("the run of a test can start")
    }

    /// Starts several equal runs, together.
    pub async fn start_many(&self, draft: &RunDraft, count: usize) -> Vec<WorkflowRun> {
        let start = draft.clone().prepare(self).await;
        let starts = (0..count).map(|_| self.store.start_run(self.project, start.clone()));
        let runs = futures_util::future::try_join_all(starts).await;
        runs.expect("the runs of a test can start")
    }

    /// A run as it stands, with its jobs.
    pub async fn run(&self, id: RunId) -> WorkflowRunDetail {
        runs::get(&mut *self.connection().await, self.project, id)
            .await
            .expect("the database answers")
            .expect("the run is there")
    }

    /// The run's newest job.
    pub async fn newest_job(&self, run: RunId) -> Job {
        let mut jobs = self.run(run).await.jobs;
        jobs.pop().expect("the run has a job")
    }

    /// Claims any jobs, at most so many.
    pub async fn claim(&self, worker: &str, most: usize) -> Vec<Held> {
        let any = ClaimFilter {
            queues: Vec::new(),
            actions: Vec::new(),
        };
        self.held(worker, self.claim_filtered(worker, most, &any).await)
    }

    /// Claims the one job that there must be.
    pub async fn claim_one(&self, worker: &str) -> Held {
        let mut held = self.claim(worker, 1).await;
        held.pop().expect("a job can be claimed")
    }

    /// Claims jobs that the filter lets through, at most so many.
    pub async fn claim_filtered(&self, worker: &str, most: usize, filter: &ClaimFilter) -> Claimed {
        let slot = ClaimSlot {
            worker: worker.to_owned(),
            actor: self.user,
        };
        let slots = vec![slot; most];
        limits::claim_in_order(&self.store, self.project, filter, &slots, true)
            .await
            .expect("a claim waits for nothing, so nothing can go wrong")
    }

    /// What the worker holds after a claim.
    pub fn held(&self, worker: &str, claimed: Claimed) -> Vec<Held> {
        let jobs = claimed.jobs.into_iter();
        jobs.map(|job| Held {
            fence: Fence {
                job: job.id,
                worker: worker.to_owned(),
                attempt: job.attempt,
                actor: self.user,
            },
            job,
        })
        .collect()
    }

    /// Settles an attempt.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.store.settle(self.project, settlement).await
    }

    /// Renews a lease.
    ///
    /// # Errors
    /// The store's.
    pub async fn heartbeat(&self, held: &Held) -> Result<Heartbeat, Error> {
        self.store.heartbeat(self.project, held.fence.clone()).await
    }

    /// Drops the events up to a number, as retention does.
    pub async fn forget_events(&self, upto: i64) {
        sqlx::query("delete from run_events where project_id = $1 and last_seq <= $2")
            .bind(self.project.as_uuid())
            .bind(upto)
            .execute(&mut *self.connection().await)
            .await
            .expect("events can be deleted");
    }

    /// Does something while nobody can read or write events.
    pub async fn while_events_are_held<T>(&self, work: impl Future<Output = T>) -> T {
        let mut connection = self.connection().await;
        let mut holder = connection.begin().await.expect("a transaction begins");
        sqlx::query("lock table run_events in access exclusive mode")
            .execute(&mut *holder)
            .await
            .expect("nobody keeps the table for long");
        let done = work.await;
        holder.rollback().await.expect("the test server is up");
        done
    }

    /// Does something while no transaction that appends an event can be committed.
    pub async fn while_nothing_is_appended<T>(&self, work: impl Future<Output = T>) -> T {
        let refuse = "alter table project_counters
                      add constraint refused check (event_seq < 0) not valid";
        self.execute(refuse).await;
        let done = work.await;
        self.execute("alter table project_counters drop constraint refused")
            .await;
        done
    }

    async fn execute(&self, statement: &'static str) {
        sqlx::query(statement)
            .execute(&mut *self.connection().await)
            .await
            .expect("the test server is up");
    }

    /// How many jobs never stood in a queue: a worker had them, with a lease, from the moment at
    /// which they were made.
    pub async fn count_handed_off(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from jobs
             where project_id = $1 and claimed_at = created_at and attempt = 1",
        )
        .bind(self.project.as_uuid())
        .fetch_one(&mut *self.connection().await)
        .await
        .expect("the test server is up")
    }

    /// Does something while nobody can change the project's runs.
    pub async fn while_runs_are_held<T>(&self, work: impl Future<Output = T>) -> T {
        let mut connection = self.connection().await;
        let mut holder = connection.begin().await.expect("a transaction begins");
        sqlx::query("select from runs where project_id = $1 for update")
            .bind(self.project.as_uuid())
            .execute(&mut *holder)
            .await
            .expect("nobody keeps the runs for long");
        let done = work.await;
        holder.rollback().await.expect("the test server is up");
        done
    }

    /// Waits until a statement of the database waits for something that is held.
    pub async fn until_somebody_waits(&self) {
        let mut connection = self.connection().await;
        let waits = "select exists (select from pg_stat_activity
                                    where datname = current_database()
                                      and wait_event_type = 'Lock')";
        let mut is_waiting = false;
        while !is_waiting {
            is_waiting = sqlx::query_scalar(waits)
                .fetch_one(&mut *connection)
                .await
                .expect("the test server is up");
        }
    }

    /// Makes the stored state of a run unreadable, as a bug or a newer version would.
    pub async fn lose_state(&self, run: RunId) {
        sqlx::query("update runs set state = '\"unreadable\"' where project_id = $1 and id = $2")
            .bind(self.project.as_uuid())
            .bind(run.as_uuid())
            .execute(&mut *self.connection().await)
            .await
            .expect("any JSON can be stored");
    }

    /// Makes the state of a run name a step that its spec does not have, as a bug would, so that
    /// nothing can be done with the run.
    pub async fn corrupt(&self, run: RunId) {
        let state = r#"{"phase": "live", "branches":
            {"main": {"step": 99, "visit": 1, "variables": {}}}}"#;
        sqlx::query("update runs set state = $3::jsonb where project_id = $1 and id = $2")
            .bind(self.project.as_uuid())
            .bind(run.as_uuid())
            .bind(state)
            .execute(&mut *self.connection().await)
            .await
            .expect("any JSON can be stored");
    }
}
