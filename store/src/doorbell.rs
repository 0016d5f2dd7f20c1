//! The doorbell: tells every replica that a project may have claimable jobs.
//!
//! Rung after a commit, with ids only, and never relied upon: a lost ring costs at most the one
//! second until the next look. Rings are coalesced, because a NOTIFY inside each transaction would
//! make all commits of the server queue behind each other.

use std::{
    collections::HashSet,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use mobius_types::ProjectId;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Db, Error};

const CHANNEL: &str = "mobius_jobs";

/// Rings within this time share one NOTIFY.
const COALESCE: Duration = Duration::from_millis(5);

/// How many project ids fit into one notification of at most 8,000 bytes.
const IDS_PER_NOTIFICATION: usize = 200;

/// After a lost connection, how long to wait before the next try.
const RECONNECT: Duration = Duration::from_millis(250);

/// What a replica does when the bell rings.
type Listener = Box<dyn Fn(Ring) + Send + Sync>;

/// What the bell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// The project has jobs that can be claimed after the delay.
    Project(ProjectId, Duration),
    /// Rings may have been lost: look at every project.
    Everything,
}

/// One replica's end of the doorbell.
pub struct Doorbell {
    db: Db,
    /// Tells our own notifications apart.
    replica: Uuid,
    listener: OnceLock<Listener>,
    pending: Mutex<HashSet<ProjectId>>,
    rung: Notify,
}

impl Doorbell {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            replica: Uuid::now_v7(),
            listener: OnceLock::new(),
            pending: Mutex::default(),
            rung: Notify::new(),
        }
    }

    /// Says what this replica does on a ring. The first call counts.
    pub fn on_ring(&self, listener: impl Fn(Ring) + Send + Sync + 'static) {
        // A process has one dispatcher; a second one would be a mistake in its wiring.
        let _ = self.listener.set(Box::new(listener));
    }

    /// Rings here at once, and at the other replicas within milliseconds.
    pub fn ring(&self, project: ProjectId) {
        self.hear(Ring::Project(project, Duration::ZERO));
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(project);
        self.rung.notify_one();
    }

    /// Rings here when the delay is over. Other replicas find the job with their next look.
    pub fn ring_after(&self, project: ProjectId, delay: Duration) {
        if delay.is_zero() {
            self.ring(project);
        } else {
            self.hear(Ring::Project(project, delay));
        }
    }

    /// Carries rings to and from the other replicas until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.send_rings(&stop), self.receive_rings(&stop));
    }

    fn hear(&self, ring: Ring) {
        if let Some(listener) = self.listener.get() {
            listener(ring);
        }
    }

    async fn send_rings(&self, stop: &CancellationToken) {
        while stop
            .run_until_cancelled(self.rung.notified())
            .await
            .is_some()
        {
            let projects: Vec<ProjectId> = self
                .pending
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain()
                .collect();
            for some in projects.chunks(IDS_PER_NOTIFICATION) {
                if let Err(error) = self.notify(some).await {
                    tracing::debug!(%error, "a ring was lost; the other replicas look within a second");
                }
            }
            tokio::time::sleep(COALESCE).await;
        }
    }

    async fn notify(&self, projects: &[ProjectId]) -> Result<(), Error> {
        let mut payload = self.replica.simple().to_string();
        for project in projects {
            payload.push(' ');
            payload.push_str(&project.as_uuid().simple().to_string());
        }
        let notify = self.db.read(|connection| {
            Box::pin(async move {
                sqlx::query!("select pg_notify($1, $2)", CHANNEL, payload)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        notify.await
    }

    async fn receive_rings(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let listening = stop.run_until_cancelled(self.listen()).await;
            if let Some(Err(error)) = listening {
                tracing::debug!(%error, "the doorbell's connection was lost; connecting again");
                stop.run_until_cancelled(tokio::time::sleep(RECONNECT))
                    .await;
            }
        }
    }

    /// Listens until the connection fails; every failure means that rings may have been lost.
    async fn listen(&self) -> Result<(), Error> {
        // A pool of its own: a listener would keep one of the others' connections for ever.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.db.connect_options().clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        self.hear(Ring::Everything);
        while let Some(notification) = listener.try_recv().await? {
            self.hear_payload(notification.payload());
        }
        Ok(())
    }

    fn hear_payload(&self, payload: &str) {
        let mut words = payload
            .split(' ')
            .filter_map(|word| Uuid::try_parse(word).ok());
        if words.next() == Some(self.replica) {
            return;
        }
        for project in words {
            self.hear(Ring::Project(project.into(), Duration::ZERO));
        }
    }
}
