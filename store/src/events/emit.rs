//! Appends the events of workers, as long as they hold the job that they speak for.

use mobius_types::{JobId, JsonObject, ProjectId};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Frames, append};
use crate::{Error, batch::Outcomes, jobs::Fence};

/// An event of a worker's own kind.
#[derive(Debug, Clone)]
pub struct CustomEvent {
    /// Its name.
    pub kind: String,
    /// What it tells.
    pub payload: JsonObject,
}

/// Events that a worker adds to the history of its job's run: all of them, or none.
#[derive(Debug, Clone)]
pub struct Emission {
    /// Which claim it speaks for.
    pub fence: Fence,
    /// The events, in order.
    pub events: Vec<CustomEvent>,
}

/// Where a worker's event comes from.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    job_id: JobId,
    attempt: i32,
    step_name: String,
    branch_id: String,
}

/// Appends the events of those whose fence holds, in the order of the emissions. `None` for a job
/// that another transaction holds: it is to be tried again alone, with [`emit_alone`].
pub(crate) async fn emit_batch(
    connection: &mut PgConnection,
    project: ProjectId,
    emissions: &[Emission],
) -> Result<Outcomes<Option<()>>, Error> {
    let fences = || emissions.iter().map(|emission| &emission.fence);
    let jobs: Vec<Uuid> = fences().map(|fence| fence.job.as_uuid()).collect();
    let workers: Vec<&str> = fences().map(|fence| fence.worker.as_str()).collect();
    let attempts: Vec<i32> = fences().map(|fence| fence.attempt).collect();
    let actors: Vec<Uuid> = fences().map(|fence| fence.actor.as_uuid()).collect();
    let rows = sqlx::query_file!(
        "src/events/emit.sql",
        project.as_uuid(),
        &jobs,
        &workers as _,
        &attempts,
        &actors,
    )
    .fetch_all(&mut *connection)
    .await?;
    let Some(now) = rows.last().map(|row| row.now) else {
        return Ok(Vec::new());
    };
    let mut frames = Frames::default();
    let mut outcomes = Vec::with_capacity(emissions.len());
    for (emission, row) in emissions.iter().zip(rows) {
        let (Some(run), Some(step_name), Some(branch_id)) = (row.run_id, row.step_name, row.branch)
        else {
            outcomes.push(match (row.busy, row.known) {
                (true, _) => Ok(None),
                (false, true) => Err(Error::LeaseLost),
                (false, false) => Err(Error::NotFound("job")),
            });
            continue;
        };
        let source = Source {
            job_id: emission.fence.job,
            attempt: emission.fence.attempt,
            step_name,
            branch_id,
        };
        for event in &emission.events {
            frames.push_custom(run.into(), &event.kind, &event.payload, &source);
        }
        outcomes.push(Ok(Some(())));
    }
    append(connection, project, now, frames).await?;
    Ok(outcomes)
}

/// Waits for whoever holds the job, and then appends the events if the fence still holds. In a
/// transaction of its own, which holds nothing while it waits.
pub(crate) async fn emit_alone(
    connection: &mut PgConnection,
    project: ProjectId,
    emission: &Emission,
) -> Result<(), Error> {
    sqlx::query!(
        "select id from jobs where project_id = $1 and id = $2 for no key update",
        project.as_uuid(),
        emission.fence.job.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let emissions = std::slice::from_ref(emission);
    let outcomes = emit_batch(connection, project, emissions).await?;
    let appended = outcomes.into_iter().next().transpose()?.flatten();
    appended.ok_or(Error::LeaseLost)
}
