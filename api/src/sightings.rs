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

impl Seen {
    fn again(&mut self, name: Option<&str>, version: Option<&str>) {
        self.at = Instant::now();
        if self.name.as_deref() != name {
            self.name = name.map(str::to_owned);
        }
        if self.version.as_deref() != version {
            self.version = version.map(str::to_owned);
        }
    }
}

/// By project and id.
type Workers = HashMap<ProjectId, HashMap<String, Seen>>;

/// The workers that were seen since the last write.
pub(crate) struct Sightings {
    db: Db,
    seen: Mutex<Workers>,
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
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = all.entry(project).or_default();
        // Most claims come from a worker that was seen a moment ago.
        if let Some(seen) = workers.get_mut(worker) {
            seen.again(name, version);
            return;
        }
        let seen = Seen {
            name: name.map(str::to_owned),
            version: version.map(str::to_owned),
            at: Instant::now(),
        };
        workers.insert(worker.to_owned(), seen);
    }

    /// Writes what was seen since the last time.
    pub(crate) async fn write(&self) -> Result<(), Error> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return Ok(());
        }
        let of_project = |(project, workers): (ProjectId, HashMap<String, Seen>)| {
            workers.into_iter().map(move |(worker, seen)| Sighting {
                project,
                worker,
                name: seen.name,
                version: seen.version,
                age: seen.at.elapsed(),
            })
        };
        let seen: Vec<Sighting> = seen.into_iter().flat_map(of_project).collect();
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
