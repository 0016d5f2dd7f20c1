//! Reads runs.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use mobius_types::{
    JsonObject, Page, ProjectId, RunId, Timestamp, WorkflowRun, WorkflowRunDetail,
    WorkflowRunStatus, WorkflowSpec,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{RunFilter, filter::Piece};
use crate::{
    Error,
    cursor::{self, List},
    jobs, limits,
};

/// How many jobs stand in a run's detail; all are in the list of its jobs.
const DETAIL_JOBS: i64 = 1_000;

/// A run's row as queries return it.
struct Row {
    id: Uuid,
    queue: String,
    parent_run_id: Option<Uuid>,
    definition_id: Option<Uuid>,
    definition_version: i32,
    workflow_name: String,
    status: WorkflowRunStatus,
    attempt: i32,
    inputs: Json<JsonObject>,
    metadata: Option<Json<BTreeMap<String, String>>>,
    cancel_requested: bool,
    error_message: Option<String>,
    actor_type: String,
    actor_id: String,
    initiated_by: String,
    external_id: Option<String>,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    updated_at: Timestamp,
    priority: i16,
    concurrency_key: Option<String>,
    max_concurrency: Option<i32>,
    rate_limit: Option<i32>,
    rate_per_seconds: Option<i32>,
}

impl From<Row> for WorkflowRun {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            queue: Some(row.queue),
            parent_run_id: row.parent_run_id.map(Into::into),
            definition_id: row.definition_id.map(Into::into),
            definition_version: Some(row.definition_version),
            ephemeral: Some(row.definition_id.is_none()),
            workflow_name: row.workflow_name,
            status: row.status,
            attempt: row.attempt,
            inputs: Some(row.inputs.0),
            metadata: row.metadata.map(|Json(metadata)| metadata),
            cancel_requested: row.cancel_requested,
            error_message: row.error_message,
            actor_type: Some(row.actor_type),
            actor_id: Some(row.actor_id),
            initiated_by: Some(row.initiated_by),
            external_id: row.external_id,
            priority: i32::from(row.priority),
            concurrency_key: row.concurrency_key,
            max_concurrency: row.max_concurrency,
            rate_limit: limits::rate(row.rate_limit, row.rate_per_seconds),
            created_at: row.created_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
            updated_at: row.updated_at,
        }
    }
}

/// A page of runs, newest first.
///
/// # Errors
/// A foreign cursor, or the database failed.
pub async fn list(
    connection: &mut PgConnection,
    project: ProjectId,
    filter: &RunFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Page<WorkflowRun>, Error> {
    let piece = Piece {
        after: cursor::decode(List::Runs, after)?,
        // One more tells whether something follows.
        limit: limit + 1,
        skips_cancelling: false,
    };
    let ids = filter.ids(connection, project, piece).await?;
    let rows = sqlx::query_file_as!(Row, "src/runs/rows.sql", project.as_uuid(), &ids);
    let rows = rows.fetch_all(connection).await?;
    Ok(cursor::page(List::Runs, rows, limit, |row| row.id).map(Into::into))
}

/// A run with its spec, its newest jobs and its result.
///
/// # Errors
/// The database failed.
pub async fn get(
    connection: &mut PgConnection,
    project: ProjectId,
    id: RunId,
) -> Result<Option<WorkflowRunDetail>, Error> {
    let found = sqlx::query!(
        r#"select r.id, queue, parent_run_id, definition_id, definition_version, workflow_name,
                  status as "status: WorkflowRunStatus", attempt,
                  inputs as "inputs: Json<JsonObject>",
                  metadata as "metadata: Json<BTreeMap<String, String>>",
                  cancel_requested, error_message, actor_type, actor_id, initiated_by, external_id,
                  created_at, started_at, completed_at, r.updated_at, priority,
                  case l.kind when 'key' then l.key end as concurrency_key,
                  l.max_concurrency as "max_concurrency?", l.rate_limit as "rate_limit?",
                  l.rate_per_seconds as "rate_per_seconds?",
                  result as "result: Json<JsonObject>", s.body as "spec: Json<WorkflowSpec>"
           from runs r join specs s on s.project_id = r.project_id and s.hash = r.spec_hash
           left join job_limits l on l.project_id = r.project_id and l.id = r.limit_id
           where r.project_id = $1 and r.id = $2"#,
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let jobs = jobs::newest_of_run(connection, project, id, DETAIL_JOBS).await?;
    let result_b64 = found
        .result
        .map(|Json(result)| BASE64_STANDARD.encode(serde_json::Value::Object(result).to_string()));
    let run = Row {
        id: found.id,
        queue: found.queue,
        parent_run_id: found.parent_run_id,
        definition_id: found.definition_id,
        definition_version: found.definition_version,
        workflow_name: found.workflow_name,
        status: found.status,
        attempt: found.attempt,
        inputs: found.inputs,
        metadata: found.metadata,
        cancel_requested: found.cancel_requested,
        error_message: found.error_message,
        actor_type: found.actor_type,
        actor_id: found.actor_id,
        initiated_by: found.initiated_by,
        external_id: found.external_id,
        created_at: found.created_at,
        started_at: found.started_at,
        completed_at: found.completed_at,
        updated_at: found.updated_at,
        priority: found.priority,
        concurrency_key: found.concurrency_key,
        max_concurrency: found.max_concurrency,
        rate_limit: found.rate_limit,
        rate_per_seconds: found.rate_per_seconds,
    };
    Ok(Some(WorkflowRunDetail {
        run: run.into(),
        spec: Some(found.spec.0),
        result_b64,
        jobs,
    }))
}
