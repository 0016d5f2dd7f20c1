//! Sightings of workers: collected in memory, written every few seconds.
//!
//! A write for each claim would cost more than the claim. The list of workers is written out
//! before it is read, so a claim is seen there at once on its own replica.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use mobius_store::{
    Db, Error,
    workers::{self, Sighting},
};
use mobius_types::ProjectId;
use tokio_util::sync::CancellationToken;

const WRITE_EVERY: Duration = Duration::from_secs(5);

struct Seen {
    name: Option<String>,
    version: Option<String>,
    at: Instant,
}

/// The workers that were seen since the last write.
pub(crate) struct Sightings {
    db: Db,
    seen: Mutex<HashMap<(ProjectId, String), Seen>>,
}

impl Sightings {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            seen: Mutex::default(),
        }
    }

    /// Notes that a worker claims right now.
    pub(crate) fn note(
        &self,
        project: ProjectId,
        worker: &str,
        name: Option<&str>,
        version: Option<&str>,
    ) {
        let seen = Seen {
            name: name.map(str::to_owned),
            version: version.map(str::to_owned),
            at: Instant::now(),
        };
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((project, worker.to_owned()), seen);
    }

    /// Writes what was seen since the last time.
    pub(crate) async fn write(&self) -> Result<(), Error> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return Ok(());
        }
        let seen: Vec<Sighting> = seen
            .into_iter()
            .map(|((project, worker), seen)| Sighting {
                project,
                worker,
                name: seen.name,
                version: seen.version,
                age: seen.at.elapsed(),
            })
            .collect();
        self.db
            .write(move |tx| Box::pin(async move { workers::record(tx, &seen).await }))
            .await
    }

    /// Writes every few seconds until told to stop, and once more then.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            let stopped = stop
                .run_until_cancelled(tokio::time::sleep(WRITE_EVERY))
                .await
                .is_none();
            if let Err(error) = self.write().await {
                tracing::debug!(%error, "sightings of workers were lost");
            }
            if stopped {
                return;
            }
        }
    }
}
