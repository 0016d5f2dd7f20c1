//! The register of workers: who was seen claiming.

use mobius_types::{ProjectId, Worker};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// A worker is stale when it was not seen for so long.
const STALE_AFTER_SECONDS: f64 = 120.0;

/// A worker that was seen.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The project in which it claims.
    pub project: ProjectId,
    /// The id that it gave itself.
    pub worker: String,
    /// The name that it gave.
    pub name: Option<String>,
    /// The version that it gave.
    pub version: Option<String>,
    /// How long ago it was seen.
    pub age: std::time::Duration,
}

/// Notes that the workers were seen. Called every few seconds with all of a replica's at once.
///
/// # Errors
/// The database failed.
pub async fn record(connection: &mut PgConnection, seen: &[Sighting]) -> Result<(), Error> {
    let projects: Vec<Uuid> = seen.iter().map(|worker| worker.project.as_uuid()).collect();
    let ids: Vec<&str> = seen.iter().map(|worker| worker.worker.as_str()).collect();
    let names: Vec<Option<&str>> = seen.iter().map(|worker| worker.name.as_deref()).collect();
    let versions: Vec<Option<&str>> = seen
        .iter()
        .map(|worker| worker.version.as_deref())
        .collect();
    let ages: Vec<f64> = seen.iter().map(|worker| worker.age.as_secs_f64()).collect();
    sqlx::query!(
        "insert into workers as w (project_id, worker_id, name, version, last_seen_at)
         select project, worker, name, version, mobius_now() - make_interval(secs => age)
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::float8[])
              as seen (project, worker, name, version, age)
         -- In order, so that two replicas with the same workers can't deadlock.
         order by project, worker
         on conflict (project_id, worker_id) do update
         set name = coalesce(excluded.name, w.name),
             version = coalesce(excluded.version, w.version),
             last_seen_at = greatest(w.last_seen_at, excluded.last_seen_at)",
        &projects,
        &ids as _,
        &names as _,
        &versions as _,
        &ages,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The workers of a project, last seen first, at most 1,000.
///
/// # Errors
/// The database failed.
pub async fn list(connection: &mut PgConnection, project: ProjectId) -> Result<Vec<Worker>, Error> {
    let rows = sqlx::query!(
        r#"select worker_id, name, version, last_seen_at,
                  last_seen_at < mobius_now() - make_interval(secs => $2) as "stale!"
           from workers
           where project_id = $1
           order by last_seen_at desc, worker_id
           limit 1000"#,
        project.as_uuid(),
        STALE_AFTER_SECONDS,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Worker {
            worker_id: row.worker_id,
            name: row.name,
            version: row.version,
            last_seen_at: Some(row.last_seen_at),
            capabilities: Vec::new(),
            stale: row.stale,
        })
        .collect())
}
