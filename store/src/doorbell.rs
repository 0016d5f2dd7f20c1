//! The doorbell: tells every replica that a project may have claimable jobs, or new events.
//!
//! Rung after a commit, with ids only, and never relied upon: a lost ring costs at most the one
//! second until the next look. Rings are coalesced, because a NOTIFY inside each transaction would
//! make all commits of the server queue behind each other.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mobius_types::ProjectId;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Db, Error};

const CHANNEL: &str = "mobius_jobs";

/// Stands before the id of a project that has new events; ids alone mean claimable jobs.
const EVENTS: char = 'e';

/// Rings within this time share one NOTIFY.
const COALESCE: Duration = Duration::from_millis(5);

/// How many project ids fit into one notification of at most 8,000 bytes.
const IDS_PER_NOTIFICATION: usize = 200;

/// After a lost connection, how long to wait before the next try.
const RECONNECT: Duration = Duration::from_millis(250);

/// What a replica does when the bell rings.
type Listener = Arc<dyn Fn(Ring) + Send + Sync>;

/// What the bell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// The project has jobs that can be claimed after the delay.
    Project(ProjectId, Duration),
    /// The project has events that were not there before.
    Events(ProjectId),
    /// Rings may have been lost: look at every project.
    Everything,
}

/// What the other replicas are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Jobs(ProjectId),
    Events(ProjectId),
}

/// One replica's end of the doorbell.
pub struct Doorbell {
    db: Db,
    /// Tells our own notifications apart.
    replica: Uuid,
    listeners: Mutex<Vec<Listener>>,
    pending: Mutex<BTreeSet<News>>,
    rung: Notify,
}

impl Doorbell {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            replica: Uuid::now_v7(),
            listeners: Mutex::default(),
            pending: Mutex::default(),
            rung: Notify::new(),
        }
    }

    /// Adds to what this replica does on a ring.
    pub fn on_ring(&self, listener: impl Fn(Ring) + Send + Sync + 'static) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(Arc::new(listener));
    }

    /// Says that the project may have claimable jobs: here at once, and at the other replicas
    /// within milliseconds.
    pub fn ring(&self, project: ProjectId) {
        self.hear(Ring::Project(project, Duration::ZERO));
        self.tell(News::Jobs(project));
    }

    /// Says that the project has new events, as [`ring`](Self::ring) does for jobs. For whoever
    /// has committed a transaction that appended some.
    pub fn ring_events(&self, project: ProjectId) {
        self.hear(Ring::Events(project));
        self.tell(News::Events(project));
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
        let listeners = self.listeners.lock();
        // Without the lock, because a listener may ring in its turn.
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            listener(ring);
        }
    }

    fn tell(&self, news: News) {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(news);
        self.rung.notify_one();
    }

    async fn send_rings(&self, stop: &CancellationToken) {
        while stop
            .run_until_cancelled(self.rung.notified())
            .await
            .is_some()
        {
            let pending =
                std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            let news: Vec<News> = pending.into_iter().collect();
            for some in news.chunks(IDS_PER_NOTIFICATION) {
                if let Err(error) = self.notify(some).await {
                    tracing::debug!(%error, "a ring was lost; the other replicas look within a second");
                }
            }
            tokio::time::sleep(COALESCE).await;
        }
    }

    async fn notify(&self, news: &[News]) -> Result<(), Error> {
        let payload = payload(self.replica, news);
        let notify = self.db.read(|connection| {
            Box::pin(async move {
                // A ring may be lost, so nobody has to wait until it is on the disk.
                sqlx::query!(
                    "with lax as (select set_config('synchronous_commit', 'off', true))
                     select pg_notify($1, $2) from lax",
                    CHANNEL,
                    payload
                )
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
        for ring in rings(self.replica, payload) {
            self.hear(ring);
        }
    }
}

/// The ids as one notification carries them, after that of the replica that sends it.
fn payload(replica: Uuid, news: &[News]) -> String {
    let mut payload = replica.simple().to_string();
    for news in news {
        payload.push(' ');
        let project = match news {
            News::Jobs(project) => project,
            News::Events(project) => {
                payload.push(EVENTS);
                project
            }
        };
        payload.push_str(&project.as_uuid().simple().to_string());
    }
    payload
}

/// What a notification says to this replica; nothing if it is its own.
fn rings(replica: Uuid, payload: &str) -> Vec<Ring> {
    let mut words = payload.split(' ');
    let sender = words.next().and_then(|word| Uuid::try_parse(word).ok());
    if sender == Some(replica) {
        return Vec::new();
    }
    words
        .filter_map(|word| match word.strip_prefix(EVENTS) {
            // An id may begin with this letter too, but only here one digit more follows.
            Some(id) if id.len() == 32 => Some(Ring::Events(Uuid::try_parse(id).ok()?.into())),
            Some(_) | None => {
                let project = Uuid::try_parse(word).ok()?;
                Some(Ring::Project(project.into(), Duration::ZERO))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_replica_hears_what_was_rung_and_the_own_one_nothing() {
        let (ours, theirs) = (Uuid::now_v7(), Uuid::now_v7());
        // An id that begins as the mark does.
        let marked: ProjectId = Uuid::from_u128(0xe << 124).into();
        let other = ProjectId::generate();
        let sent = payload(
            theirs,
            &[
                News::Jobs(marked),
                News::Events(marked),
                News::Events(other),
            ],
        );
        let heard = [
            Ring::Project(marked, Duration::ZERO),
            Ring::Events(marked),
            Ring::Events(other),
        ];
        assert_eq!(rings(ours, &sent), heard);
        assert_eq!(rings(theirs, &sent), []);
    }

    #[test]
    fn a_notification_has_room_for_its_ids() {
        let news: Vec<News> = (0..IDS_PER_NOTIFICATION)
            .map(|_| News::Events(ProjectId::generate()))
            .collect();
        assert!(payload(Uuid::now_v7(), &news).len() < 8_000);
    }
}
