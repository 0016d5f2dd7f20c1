//! Stops what is stored of runs that have ended or are to end.

use std::collections::BTreeMap;

use mobius_types::{EventType, JobId, JobStatus, ProjectId, RunId, Timestamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, events::Frames};

/// Ends the jobs of the runs that no worker holds, has the workers of the others told to stop,
/// drops the timers and closes the interactions. Their frames come where the runs stopped: before
/// the one of a run's end. Returns the runs with the children that jobs of theirs wait for.
pub(super) async fn stop_runs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    stopped: &BTreeMap<RunId, usize>,
    frames: &mut Frames,
) -> Result<Vec<(RunId, RunId)>, Error> {
    let mut children = Vec::new();
    if stopped.is_empty() {
        return Ok(children);
    }
    let runs: Vec<Uuid> = stopped.keys().map(|run| run.as_uuid()).collect();
    let rows = sqlx::query_file!(
        "src/advance/persist/stop_runs.sql",
        project.as_uuid(),
        now,
        &runs,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let data = json!({
            "job_id": JobId::from(row.id),
            "step_name": row.step_name,
            "action": row.action,
            "branch_id": row.branch,
            "queue": row.queue,
            "status": row.status,
            "attempt": row.attempt,
            "cancel_requested": true,
        });
        let run = RunId::from(row.run_id);
        let place = stopped.get(&run).copied().unwrap_or_default();
        frames.insert(run, place, EventType::JobUpdated, &data);
        if let Some(child) = row
            .child_run_id
            .filter(|_| row.status == JobStatus::Claimed)
        {
            children.push((run, child.into()));
        }
    }
    Ok(children)
}
