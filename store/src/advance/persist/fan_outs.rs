//! Writes the counters of fan-outs, and what becomes of many of their items at once.

use mobius_types::{EventType, JobId, JobStatus, ProjectId, RunId, Timestamp};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error,
    advance::{changes::Changes, fan_outs::LiveFanOut},
    jobs::name_item,
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
                .map(|(_, row)| row.is_unmade() && !row.ended)
                .collect(),
            ended: rows.iter().map(|(_, row)| row.ended).collect(),
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
    changes: &mut Changes,
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
    let ended = sqlx::query_file!(
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
    )
    .fetch_all(connection)
    .await?;
    for row in ended {
        let mut frame = json!({
            "job_id": JobId::from(row.id),
            "step_name": row.step_name,
            "action": row.action,
            "branch_id": row.branch,
            "queue": row.queue,
            "status": row.status,
            "attempt": 1,
        });
        if let (Some(kind), Some(message)) = (row.error_type, row.last_error) {
            frame["error"] = json!(format!("{kind}: {message}"));
        }
        changes
            .frames
            .push(row.run_id.into(), EventType::JobUpdated, frame);
    }
    Ok(())
}

/// An item whose row was changed together with others.
struct Item {
    id: Uuid,
    run_id: Uuid,
    step_name: String,
    action: String,
    queue: String,
    branch: String,
    status: JobStatus,
    attempt: i32,
    parent_job_id: Uuid,
    item_index: i32,
    server: bool,
    child_run_id: Option<Uuid>,
}

impl Item {
    fn frame(&self) -> Value {
        let mut frame = json!({
            "job_id": JobId::from(self.id),
            "step_name": self.step_name,
            "action": self.action,
            "branch_id": self.branch,
            "queue": self.queue,
            "status": self.status,
            "attempt": self.attempt,
        });
        name_item(&mut frame, (self.parent_job_id.into(), self.item_index));
        frame
    }
}

impl Changes {
    fn tell_of(&mut self, items: &[Item]) {
        for item in items {
            self.frames
                .push(item.run_id.into(), EventType::JobUpdated, item.frame());
        }
    }

    /// Lets items be claimed that stood back. Returns those that the control plane has to run.
    pub(super) async fn write_releases(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<Vec<(RunId, JobId)>, Error> {
        if self.releases.is_empty() {
            return Ok(Vec::new());
        }
        let parents: Vec<Uuid> = self.releases.keys().map(|id| id.as_uuid()).collect();
        let counts: Vec<i64> = self
            .releases
            .values()
            .map(|count| i64::from(*count))
            .collect();
        let items = sqlx::query_file_as!(
            Item,
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
        self.tell_of(&items);
        let served = items.iter().filter(|item| item.server);
        Ok(served
            .map(|item| (item.run_id.into(), item.id.into()))
            .collect())
    }

    /// Ends the items of fan-outs that have failed: as for a run, those that no worker holds end
    /// now, and the workers of the others are told. Returns the children that they wait for.
    pub(super) async fn write_stopped_fan_outs(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<Vec<(RunId, RunId)>, Error> {
        if self.stopped_fan_outs.is_empty() {
            return Ok(Vec::new());
        }
        let parents: Vec<Uuid> = self
            .stopped_fan_outs
            .iter()
            .map(|id| id.as_uuid())
            .collect();
        let items = sqlx::query_file_as!(
            Item,
            "src/advance/persist/stop_fan_outs.sql",
            project.as_uuid(),
            now,
            &parents,
        )
        .fetch_all(connection)
        .await?;
        for item in &items {
            let run = RunId::from(item.run_id);
            // Before the end of the run, when nothing caught the failure.
            match self.stopped.get(&run) {
                Some(place) => {
                    self.frames
                        .insert(run, *place, EventType::JobUpdated, &item.frame());
                }
                None => self.frames.push(run, EventType::JobUpdated, item.frame()),
            }
        }
        let children = items
            .iter()
            .filter(|item| item.status == JobStatus::Claimed);
        let children =
            children.filter_map(|item| Some((item.run_id.into(), item.child_run_id?.into())));
        Ok(children.collect())
    }

    /// Makes the items of retried runs stand back that have not completed, with all their attempts
    /// before them. Returns their fan-outs, of which as many items are to be released as may be.
    pub(super) async fn write_restarts(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<Vec<(RunId, JobId)>, Error> {
        if self.restarted.is_empty() {
            return Ok(Vec::new());
        }
        let runs: Vec<Uuid> = self
            .restarted
            .iter()
            .map(|(run, _)| run.as_uuid())
            .collect();
        let visits: Vec<i32> = self.restarted.iter().map(|(_, visit)| *visit).collect();
        let items = sqlx::query_file_as!(
            Item,
            "src/advance/persist/restart_items.sql",
            project.as_uuid(),
            now,
            &runs,
            &visits,
        )
        .fetch_all(&mut *connection)
        .await?;
        self.tell_of(&items);
        let fan_outs = sqlx::query_file!(
            "src/advance/persist/restart_fan_outs.sql",
            project.as_uuid(),
            now,
            GRACE_SECONDS,
            &runs,
            &visits,
        )
        .fetch_all(connection)
        .await?;
        Ok(fan_outs
            .into_iter()
            .map(|row| (row.run_id.into(), row.id.into()))
            .collect())
    }
}
