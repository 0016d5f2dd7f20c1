//! Workflow specs: stored once each under their hash, compiled once each in memory.

use std::sync::Arc;

use mobius_engine::Definition;
use mobius_types::{ProjectId, WorkflowSpec};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, types::Json};

use crate::{Db, Error};

/// SHA-256 of a spec as it is serialised.
pub(crate) type SpecHash = [u8; 32];

/// How many compiled specs a replica keeps, and how many it remembers to be stored already.
const CACHED: usize = 2_000;

/// A spec that was found valid, with its hash.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) hash: SpecHash,
    pub(crate) definition: Definition,
}

impl Prepared {
    /// The compiled spec.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    fn compile(hash: SpecHash, spec: WorkflowSpec) -> Result<Arc<Self>, Error> {
        let definition = Definition::compile(spec).map_err(Error::Invalid)?;
        Ok(Arc::new(Self { hash, definition }))
    }
}

/// The specs that this replica has at hand.
#[derive(Debug)]
pub struct Specs {
    compiled: Cache<SpecHash, Arc<Prepared>>,
    stored: Cache<(ProjectId, SpecHash), ()>,
}

impl Default for Specs {
    fn default() -> Self {
        Self {
            compiled: Cache::new(CACHED),
            stored: Cache::new(CACHED),
        }
    }
}

impl Specs {
    /// Validates and compiles a spec that a client sent.
    ///
    /// # Errors
    /// Every problem of the spec, with its place.
    pub fn prepare(&self, spec: WorkflowSpec) -> Result<Arc<Prepared>, Error> {
        let body = serde_json::to_vec(&spec)
            .map_err(|error| Error::Corrupt(format!("a spec can't be serialised: {error}")))?;
        let hash: SpecHash = Sha256::digest(&body).into();
        if let Some(known) = self.compiled.get(&hash) {
            return Ok(known);
        }
        let prepared = Prepared::compile(hash, spec)?;
        self.compiled.insert(hash, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Makes sure that the project has the spec's row, which is never changed and outlives its
    /// users. It commits by itself, before the transaction that names the spec: a row that was
    /// remembered as stored must not be rolled back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn save(
        &self,
        db: &Db,
        project: ProjectId,
        prepared: &Prepared,
    ) -> Result<(), Error> {
        let key = (project, prepared.hash);
        if self.stored.get(&key).is_some() {
            return Ok(());
        }
        sqlx::query!(
            "insert into specs (project_id, hash, body) values ($1, $2, $3) on conflict do nothing",
            project.as_uuid(),
            &prepared.hash,
            Json(prepared.definition.spec()) as _,
        )
        .execute(&mut *db.acquire().await?)
        .await?;
        self.stored.insert(key, ());
        Ok(())
    }

    /// The compiled spec of a stored hash.
    pub(crate) async fn load(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        hash: &[u8],
    ) -> Result<Arc<Prepared>, Error> {
        let hash: SpecHash = hash
            .try_into()
            .map_err(|_| Error::Corrupt("a spec's hash has no 32 bytes".into()))?;
        if let Some(known) = self.compiled.get(&hash) {
            return Ok(known);
        }
        let Json(spec) = sqlx::query_scalar!(
            r#"select body as "body: Json<WorkflowSpec>" from specs where project_id = $1 and hash = $2"#,
            project.as_uuid(),
            &hash,
        )
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| Error::Corrupt("a spec is missing".into()))?;
        // Stored specs were valid when they were saved.
        let prepared = Prepared::compile(hash, spec)
            .map_err(|error| Error::Corrupt(format!("a stored spec does not compile: {error}")))?;
        self.compiled.insert(hash, Arc::clone(&prepared));
        Ok(prepared)
    }
}
