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

/// Appends the events of those whose fence holds, in the order of the emissions.
pub(crate) async fn emit_batch(
    connection: &mut PgConnection,
    project: ProjectId,
    emissions: &[Emission],
) -> Result<Outcomes<()>, Error> {
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
            outcomes.push(Err(if row.known {
                Error::LeaseLost
            } else {
                Error::NotFound("job")
            }));
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
        outcomes.push(Ok(()));
    }
    append(connection, project, now, frames).await?;
    Ok(outcomes)
}
