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
/// before the job was taken away, still counts: the row decides. `None` for a job that another
/// transaction holds: it is to be tried again alone, with [`heartbeat_alone`].
pub(crate) async fn heartbeat_batch(
    connection: &mut PgConnection,
    project: ProjectId,
    fences: &[Fence],
    terms: LeaseTerms,
) -> Result<Outcomes<Option<Heartbeat>>, Error> {
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
    let mut answers: HashMap<usize, Result<Option<Heartbeat>, Error>> = rows
        .into_iter()
        .filter_map(|row| {
            let place = usize::try_from(row.place - 1).ok()?;
            let answer = match row.cancel_requested {
                Some(should_cancel) => Ok(Some(Heartbeat { should_cancel })),
                None if row.busy => Ok(None),
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

/// Waits for whoever holds the job, and then renews its lease if the fence still holds. In a
/// transaction of its own, which holds nothing while it waits.
pub(crate) async fn heartbeat_alone(
    connection: &mut PgConnection,
    project: ProjectId,
    fence: &Fence,
    terms: LeaseTerms,
) -> Result<Heartbeat, Error> {
    sqlx::query!(
        "select id from jobs where project_id = $1 and id = $2 for update",
        project.as_uuid(),
        fence.job.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let fences = std::slice::from_ref(fence);
    let answers = heartbeat_batch(connection, project, fences, terms).await?;
    let answer = answers.into_iter().next().transpose()?.flatten();
    answer.ok_or(Error::LeaseLost)
}
