//! Writes the counters of fan-outs, and what becomes of many of their items at once.

use std::collections::BTreeMap;

use mobius_types::{JobId, JobStatus, ProjectId, RunId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::changed::ChangedJob;
use crate::{
    Error,
    advance::{Input, fan_outs::LiveFanOut},
    events::Frames,
};

/// How long the replica that made some of the items has for the next, before another one does it.
const GRACE_SECONDS: f64 = 5.0;

/// The rows as columns, the form in which `unnest` takes them.
struct Columns {
    ids: Vec<Uuid>,
    created: Vec<i32>,
    released: Vec<i32>,
    completed: Vec<i32>,
    failed: Vec<i32>,
    unmade: Vec<bool>,
    ended: Vec<bool>,
    bytes: Vec<i64>,
}

impl Columns {
    fn of(rows: &[(JobId, &LiveFanOut)]) -> Self {
        let count = |of: fn(&LiveFanOut) -> u32| -> Vec<i32> {
            let counts = rows.iter().map(|(_, row)| of(row));
            counts
                .map(|count| i32::try_from(count).unwrap_or(i32::MAX))
                .collect()
        };
        Self {
            ids: rows.iter().map(|(id, _)| id.as_uuid()).collect(),
            created: count(|row| row.counters.created),
            released: count(|row| row.counters.released),
            completed: count(|row| row.counters.completed),
            failed: count(|row| row.counters.failed),
            unmade: rows
                .iter()
                .map(|(_, row)| row.has_more() && !row.ended)
                .collect(),
            ended: rows.iter().map(|(_, row)| row.ended).collect(),
            bytes: rows
                .iter()
                .map(|(_, row)| i64::try_from(row.parameter_bytes).unwrap_or(i64::MAX))
                .collect(),
        }
    }
}

/// Inserts the fan-outs that began.
pub(super) async fn insert(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    rows: &[(JobId, &LiveFanOut)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(rows);
    let int = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let runs: Vec<Uuid> = rows.iter().map(|(_, row)| row.run.as_uuid()).collect();
    let branches: Vec<&str> = rows
        .iter()
        .map(|(_, row)| row.job.branch.as_str())
        .collect();
    let visits: Vec<i32> = rows.iter().map(|(_, row)| row.job.visit).collect();
    let steps: Vec<&str> = rows.iter().map(|(_, row)| row.step.as_str()).collect();
    let actions: Vec<&str> = rows.iter().map(|(_, row)| row.action.as_str()).collect();
    let queues: Vec<&str> = rows.iter().map(|(_, row)| row.queue.as_str()).collect();
    let servers: Vec<bool> = rows.iter().map(|(_, row)| row.server).collect();
    let stores: Vec<bool> = rows.iter().map(|(_, row)| row.stores_results).collect();
    let timeouts: Vec<Option<i64>> = rows.iter().map(|(_, row)| row.timeout_ms).collect();
    let attempts: Vec<i32> = rows.iter().map(|(_, row)| row.max_attempts).collect();
    let items: Vec<i32> = rows
        .iter()
        .map(|(_, row)| int(row.counters.items))
        .collect();
    let failures: Vec<i32> = rows
        .iter()
        .map(|(_, row)| int(row.counters.max_failures))
        .collect();
    let concurrency: Vec<Option<i32>> = rows
        .iter()
        .map(|(_, row)| row.counters.max_concurrency.map(int))
        .collect();
    sqlx::query_file!(
        "src/advance/persist/insert_fan_outs.sql",
        project.as_uuid(),
        now,
        GRACE_SECONDS,
        &columns.ids,
        &runs,
        &branches as _,
        &visits,
        &steps as _,
        &actions as _,
        &queues as _,
        &servers,
        &items,
        &columns.created,
        &columns.released,
        &concurrency as _,
        &failures,
        &stores,
        &timeouts as _,
        &attempts,
        &columns.unmade,
        &columns.ended,
        &columns.bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the counters of fan-outs that have changed, one row each however many items ended, and
/// what became of the jobs whose items they are.
pub(super) async fn update(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    rows: &[(JobId, &LiveFanOut)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(rows);
    let ends: Vec<Option<JobStatus>> = rows
        .iter()
        .map(|(_, row)| match row.result.as_ref()? {
            Ok(()) => Some(JobStatus::Completed),
            Err(_) => Some(JobStatus::Failed),
        })
        .collect();
    let error = |row: &LiveFanOut| row.result.clone()?.err();
    let errors: Vec<_> = rows.iter().map(|(_, row)| error(row)).collect();
    let types: Vec<Option<&str>> = errors
        .iter()
        .map(|error| error.as_ref().map(|error| error.kind.as_str()))
        .collect();
    let messages: Vec<Option<&str>> = errors
        .iter()
        .map(|error| error.as_ref().map(|error| error.message.as_str()))
        .collect();
    sqlx::query_file!(
        "src/advance/persist/update_fan_outs.sql",
        project.as_uuid(),
        now,
        GRACE_SECONDS,
        &columns.ids,
        &columns.created,
        &columns.released,
        &columns.completed,
        &columns.failed,
        &columns.unmade,
        &columns.ended,
        &ends as _,
        &types as _,
        &messages as _,
        &columns.bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets items be claimed that stood back, so many of each fan-out. Returns those that the control
/// plane has to run.
pub(super) async fn release(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    releases: &BTreeMap<JobId, u32>,
    frames: &mut Frames,
) -> Result<Vec<Input>, Error> {
    if releases.is_empty() {
        return Ok(Vec::new());
    }
    let parents: Vec<Uuid> = releases.keys().map(|id| id.as_uuid()).collect();
    let counts: Vec<i64> = releases.values().copied().map(i64::from).collect();
    let items = sqlx::query_file_as!(
        ChangedJob,
        "src/advance/persist/release_items.sql",
        project.as_uuid(),
        now,
        &parents,
        &counts,
    )
    .fetch_all(connection)
    .await?;
    if i64::try_from(items.len()).unwrap_or(i64::MAX) != counts.iter().sum::<i64>() {
        // The counters and the rows are written together, so this is a mistake of ours.
        return Err(Error::Corrupt(
            "an item to release was not there".to_owned(),
        ));
    }
    items.iter().for_each(|item| item.push_to(frames));
    let served = items.iter().filter(|item| item.server);
    let starts = served.map(|item| Input::StartChild {
        run: item.run(),
        job: item.id.into(),
    });
    Ok(starts.collect())
}

/// Makes the items of retried runs stand back that have not completed, with all their attempts
/// before them; those that they have had are kept. Returns the requests to release as many of them
/// as may be.
pub(super) async fn restart(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    restarted: &[(RunId, i32)],
    frames: &mut Frames,
) -> Result<Vec<Input>, Error> {
    if restarted.is_empty() {
        return Ok(Vec::new());
    }
    let runs: Vec<Uuid> = restarted.iter().map(|(run, _)| run.as_uuid()).collect();
    let visits: Vec<i32> = restarted.iter().map(|(_, visit)| *visit).collect();
    let items = sqlx::query_file_as!(
        ChangedJob,
        "src/advance/persist/restart_items.sql",
        project.as_uuid(),
        now,
        &runs,
        &visits,
    )
    .fetch_all(&mut *connection)
    .await?;
    let fan_outs = sqlx::query_file_as!(
        ChangedJob,
        "src/advance/persist/restart_fan_outs.sql",
        project.as_uuid(),
        now,
        GRACE_SECONDS,
        &runs,
        &visits,
    )
    .fetch_all(connection)
    .await?;
    let changed = fan_outs.iter().chain(&items);
    changed.for_each(|job| job.push_to(frames));
    let chunks = fan_outs.iter().map(|job| Input::Chunk {
        run: job.run(),
        fan_out: job.id.into(),
    });
    Ok(chunks.collect())
}
