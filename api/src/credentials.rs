//! Who is behind a key, and which project a path names: remembered for a moment.
//!
//! Without it each request would cost a query before its own work. A revoked key or a deleted
//! project is still let in for at most the memory's span.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mobius_store::{
    Db, keys,
    keys::{Credential, KeyHash, SecretKey},
    projects,
};
use mobius_types::{OrgId, ProjectId};
use quick_cache::{Equivalent, sync::Cache};

use crate::ApiError;

/// How long an answer of the database is believed.
const REMEMBERED: Duration = Duration::from_secs(1);

/// How many keys and how many projects are remembered.
const ENTRIES: usize = 10_000;

/// A remembered answer.
#[derive(Clone)]
struct Remembered<T> {
    value: T,
    since: Instant,
}

impl<T> Remembered<T> {
    fn new(value: T) -> Self {
        Self {
            value,
            since: Instant::now(),
        }
    }

    fn is_fresh(&self) -> bool {
        self.since.elapsed() <= REMEMBERED
    }
}

/// What a path says of a project. It is looked up as it stands there; this hashes like the
/// key that is owned once it is remembered.
#[derive(Hash)]
struct Place<'a> {
    org: OrgId,
    name: &'a str,
}

impl Equivalent<(OrgId, String)> for Place<'_> {
    fn equivalent(&self, key: &(OrgId, String)) -> bool {
        (self.org, self.name) == (key.0, key.1.as_str())
    }
}

/// The remembered keys and projects of a replica.
pub(crate) struct Credentials {
    db: Db,
    keys: Cache<KeyHash, Remembered<Arc<Credential>>>,
    projects: Cache<(OrgId, String), Remembered<ProjectId>>,
}

impl Credentials {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            keys: Cache::new(ENTRIES),
            projects: Cache::new(ENTRIES),
        }
    }

    /// Who holds the key.
    pub(crate) async fn authenticate(&self, key: &SecretKey) -> Result<Arc<Credential>, ApiError> {
        self.holder(key.hash()).await
    }

    /// Who holds the key with this hash.
    pub(crate) async fn holder(&self, hash: KeyHash) -> Result<Arc<Credential>, ApiError> {
        if let Some(known) = self.keys.get(&hash).filter(Remembered::is_fresh) {
            return Ok(known.value);
        }
        self.keys.remove_if(&hash, |known| !known.is_fresh());
        let load = async {
            let mut connection = self.db.acquire().await?;
            let found = keys::authenticate(&mut connection, hash).await?;
            // What is not found is not remembered, so a new key works at once.
            found
                .map(|found| Remembered::new(Arc::new(found)))
                .ok_or(ApiError::Unauthorized)
        };
        Ok(self.keys.get_or_insert_async(&hash, load).await?.value)
    }

    /// The project of the organisation that a path names by its handle or id.
    pub(crate) async fn project(&self, org: OrgId, name: &str) -> Result<ProjectId, ApiError> {
        let place = Place { org, name };
        if let Some(known) = self.projects.get(&place).filter(Remembered::is_fresh) {
            return Ok(known.value);
        }
        let place = (org, name.to_owned());
        self.projects.remove_if(&place, |known| !known.is_fresh());
        let load = async {
            let mut connection = self.db.acquire().await?;
            let found = projects::resolve(&mut connection, org, name).await?;
            found
                .map(Remembered::new)
                .ok_or(ApiError::NotFound("project"))
        };
        Ok(self.projects.get_or_insert_async(&place, load).await?.value)
    }

    /// Forgets projects, after one was deleted.
    pub(crate) fn forget_projects(&self) {
        self.projects.clear();
    }
}
