//! Stops what is stored of runs and fan-outs that have ended or are to end.

use std::collections::BTreeMap;

use mobius_types::{JobId, JobStatus, ProjectId, RunId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::changed::ChangedJob;
use crate::{Error, advance::changes::ChildTask, events::Frames};

/// Ends the jobs of the runs that no worker holds, has the workers of the others told to stop,
/// drops the timers and closes the interactions. Their frames come where the runs stopped: before
/// the one of a run's end. Returns the children that jobs of theirs wait for.
pub(super) async fn stop_runs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    stopped: &BTreeMap<RunId, usize>,
    frames: &mut Frames,
) -> Result<Vec<ChildTask>, Error> {
    if stopped.is_empty() {
        return Ok(Vec::new());
    }
    let runs: Vec<Uuid> = stopped.keys().map(|run| run.as_uuid()).collect();
    let jobs = sqlx::query_file_as!(
        ChangedJob,
        "src/advance/persist/stop_runs.sql",
        project.as_uuid(),
        now,
        &runs,
    )
    .fetch_all(connection)
    .await?;
    for job in &jobs {
        let place = stopped.get(&job.run()).copied().unwrap_or_default();
        job.insert_at(place, frames);
    }
    Ok(jobs.iter().filter_map(ChangedJob::orphan).collect())
}

/// Ends the items of fan-outs that have failed: as for a run, those that no worker holds end now,
/// and the workers of the others are told. Their frames come where the fan-outs stopped. Returns
/// the children that they wait for.
pub(super) async fn stop_fan_outs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    stopped: &BTreeMap<JobId, usize>,
    frames: &mut Frames,
) -> Result<Vec<ChildTask>, Error> {
    if stopped.is_empty() {
        return Ok(Vec::new());
    }
    let parents: Vec<Uuid> = stopped.keys().map(|id| id.as_uuid()).collect();
    let items = sqlx::query_file_as!(
        ChangedJob,
        "src/advance/persist/stop_fan_outs.sql",
        project.as_uuid(),
        now,
        &parents,
    )
    .fetch_all(connection)
    .await?;
    for item in &items {
        let parent = item.parent_job_id.map(JobId::from);
        let place = parent.and_then(|parent| stopped.get(&parent));
        item.insert_at(place.copied().unwrap_or_default(), frames);
    }
    Ok(items.iter().filter_map(ChangedJob::orphan).collect())
}
