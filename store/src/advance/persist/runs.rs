//! Writes where the runs stand.

use mobius_engine::RunState;
use mobius_types::{JsonObject, ProjectId, RunId, Timestamp, WorkflowRunStatus};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Error, advance::LockedRun};

/// Writes the runs that have changed. One that runs without a claim, because no worker was needed,
/// has started with that.
pub(super) async fn update_runs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    runs: &[(&RunId, &LockedRun)],
) -> Result<(), Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = runs.iter().map(|(id, _)| id.as_uuid()).collect();
    let statuses: Vec<WorkflowRunStatus> = runs.iter().map(|(_, run)| run.status).collect();
    let states: Vec<Json<&RunState>> = runs.iter().map(|(_, run)| Json(&run.state)).collect();
    let after = || runs.iter().map(|(_, run)| *run);
    let results = after().map(|run| run.result.as_ref().map(Json));
    let results: Vec<Option<Json<&JsonObject>>> = results.collect();
    let errors: Vec<Option<&str>> = after().map(|run| run.error_message.as_deref()).collect();
    let attempts: Vec<i32> = runs.iter().map(|(_, run)| run.attempt).collect();
    let cancels: Vec<bool> = runs.iter().map(|(_, run)| run.cancel_requested).collect();
    let cancellers: Vec<Option<&str>> = after().map(|run| run.cancelled_by.as_deref()).collect();
    let done = sqlx::query_file!(
        "src/advance/persist/update_runs.sql",
        project.as_uuid(),
        now,
        &ids,
        &statuses as _,
        &states as _,
        &results as _,
        &errors as _,
        &attempts,
        &cancels,
        &cancellers as _,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() == runs.len() as u64 {
        Ok(())
    } else {
        // The rows are locked by this transaction too.
        Err(Error::Corrupt(
            "a run had ended before it was moved on".to_owned(),
        ))
    }
}
