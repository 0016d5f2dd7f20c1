//! The hub of a replica: which projects are followed, and by how many.
//!
//! The first stream of a project starts its reader, the last one ends it. Rings of the doorbell
//! wake the readers; because a ring may be lost, one statement a second looks at all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mobius_store::{Ring, Store, events};
use mobius_types::{ProjectId, RunId};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{feed::Feed, reader, recent::Taken};
use crate::ApiError;

/// How often the hub looks although nobody rang.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many streams may read pages of their own at a time. The others wait in turn, so that many
/// clients that come back at once take no connections from everybody else.
const REPLAYS: usize = 2;

/// All feeds of a replica.
pub(crate) struct Hub {
    pub(super) store: Store,
    feeds: Mutex<HashMap<ProjectId, Followed>>,
    pub(super) replays: Semaphore,
    /// Fires when the server drains: no stream goes on.
    pub(super) draining: CancellationToken,
}

/// A project with a reader.
struct Followed {
    feed: Arc<Feed>,
    followers: usize,
    stop: CancellationToken,
}

/// One follower of a project. The reader ends with the last one.
pub(crate) struct Following {
    pub(super) hub: Arc<Hub>,
    feed: Arc<Feed>,
}

impl Following {
    /// Some frames after the number, of one run or of all.
    pub(super) fn take(&self, after: i64, run: Option<RunId>) -> Taken {
        self.feed.take(after, run)
    }

    /// Changes whenever there are new frames.
    pub(super) fn news(&self) -> watch::Receiver<i64> {
        self.feed.news()
    }

    /// The project that is followed.
    pub(super) fn project(&self) -> ProjectId {
        self.feed.project
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut feeds = self.hub.lock();
        if let Some(followed) = feeds.get_mut(&self.feed.project) {
            followed.followers -= 1;
            if followed.followers == 0 {
                followed.stop.cancel();
                feeds.remove(&self.feed.project);
            }
        }
    }
}

impl Hub {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        let hub = Arc::new(Self {
            store: store.clone(),
            feeds: Mutex::default(),
            replays: Semaphore::new(REPLAYS),
            draining: CancellationToken::new(),
        });
        let ringing = Arc::downgrade(&hub);
        store.doorbell().on_ring(move |ring| {
            if let Some(hub) = ringing.upgrade() {
                hub.hear(ring);
            }
        });
        hub
    }

    /// Follows the project, with the reader that is there or a new one.
    pub(crate) fn follow(self: &Arc<Self>, project: ProjectId) -> Following {
        let mut feeds = self.lock();
        let followed = feeds
            .entry(project)
            .or_insert_with(|| self.start_reader(project));
        followed.followers += 1;
        Following {
            hub: Arc::clone(self),
            feed: Arc::clone(&followed.feed),
        }
    }

    fn start_reader(&self, project: ProjectId) -> Followed {
        let feed = Arc::new(Feed::new(project));
        let stop = CancellationToken::new();
        let reading = reader::follow(self.store.clone(), Arc::clone(&feed));
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(reading).await });
        Followed {
            feed,
            followers: 0,
            stop,
        }
    }

    /// Waits until the run has ended. It costs no query but one at the beginning; whoever waits
    /// with a bound drops the future.
    ///
    /// # Errors
    /// No such run, the database failed, or the server drains.
    pub(crate) async fn ended(
        self: &Arc<Self>,
        project: ProjectId,
        run: RunId,
    ) -> Result<(), ApiError> {
        let following = self.follow(project);
        let end = following.feed.end_of(run);
        let waited = self.draining.run_until_cancelled(async {
            following.feed.started().await;
            // Only now: an end before this look is in it, one after it is read by the reader.
            let mut connection = self.store.db().acquire().await?;
            let position = events::position(&mut connection, project, Some(run)).await?;
            drop(connection);
            if position.run.is_none_or(|run| run.status.is_terminal()) {
                return Ok(());
            }
            end.told().await;
            Ok(())
        });
        waited.await.unwrap_or(Err(ApiError::Unavailable))
    }

    /// Looks once a second until told to stop, then ends every stream.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let looks = async {
            let mut every = tokio::time::interval(LOOK_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                self.look_everywhere().await;
            }
        };
        stop.run_until_cancelled(looks).await;
        self.drain();
    }

    /// Ends every stream, and begins none any more.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    fn hear(&self, ring: Ring) {
        match ring {
            Ring::Events(project) => {
                if let Some(followed) = self.lock().get(&project) {
                    followed.feed.wake.notify_one();
                }
            }
            Ring::Everything => {
                for followed in self.lock().values() {
                    followed.feed.wake.notify_one();
                }
            }
            // Events are rung for by themselves.
            Ring::Project(..) => {}
        }
    }

    /// One statement finds the projects with events that their readers do not know.
    async fn look_everywhere(&self) {
        let known: HashMap<ProjectId, Arc<Feed>> = self
            .lock()
            .iter()
            .map(|(project, followed)| (*project, Arc::clone(&followed.feed)))
            .collect();
        if known.is_empty() {
            return;
        }
        let projects: Vec<ProjectId> = known.keys().copied().collect();
        let heads = self
            .store
            .db()
            .read(|connection| Box::pin(async move { events::heads(connection, &projects).await }));
        match heads.await {
            Ok(heads) => heads
                .into_iter()
                .filter_map(|(project, head)| Some((known.get(&project)?, head)))
                .filter(|(feed, head)| feed.head().is_some_and(|known| known < *head))
                .for_each(|(feed, _)| feed.wake.notify_one()),
            Err(error) => tracing::debug!(%error, "the look for new events failed"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Followed>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
