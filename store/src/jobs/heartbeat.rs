//! Renews leases: the heartbeats of many jobs in one statement.

use std::collections::HashMap;

use mobius_types::ProjectId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fence, LeaseTerms};
use crate::{Error, batch::Outcomes};

/// The answer to an accepted heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether the worker is asked to stop.
    pub should_cancel: bool,
}

/// Renews the leases whose fence still holds. A heartbeat that comes after the lease's end, but
/// before the job was taken away, still counts: the row decides.
pub(crate) async fn heartbeat_batch(
    connection: &mut PgConnection,
    project: ProjectId,
    fences: &[Fence],
    terms: LeaseTerms,
) -> Result<Outcomes<Heartbeat>, Error> {
    let jobs: Vec<Uuid> = fences.iter().map(|fence| fence.job.as_uuid()).collect();
    let workers: Vec<&str> = fences.iter().map(|fence| fence.worker.as_str()).collect();
    let attempts: Vec<i32> = fences.iter().map(|fence| fence.attempt).collect();
    let actors: Vec<Uuid> = fences.iter().map(|fence| fence.actor.as_uuid()).collect();
    let rows = sqlx::query_file!(
        "src/jobs/heartbeat.sql",
        project.as_uuid(),
        &jobs,
        &workers as _,
        &attempts,
        &actors,
        terms.lease.as_secs_f64(),
    )
    .fetch_all(connection)
    .await?;
    let mut answers: HashMap<usize, Result<Heartbeat, Error>> = rows
        .into_iter()
        .filter_map(|row| {
            let place = usize::try_from(row.place - 1).ok()?;
            let answer = match row.cancel_requested {
                Some(should_cancel) => Ok(Heartbeat { should_cancel }),
                None if row.known => Err(Error::LeaseLost),
                None => Err(Error::NotFound("job")),
            };
            Some((place, answer))
        })
        .collect();
    Ok((0..fences.len())
        .map(|place| {
            answers
                .remove(&place)
                .unwrap_or(Err(Error::NotFound("job")))
        })
        .collect())
}
