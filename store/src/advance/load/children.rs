//! Reads what children are started with, and how they ended.

use std::{collections::HashMap, str::FromStr};

use mobius_engine::{JobError, Limits};
use mobius_types::{
    JobId, JobOptions, JsonObject, ProjectId, RunId, WorkflowId, WorkflowRunStatus,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    Wanted,
    child_parameters::ChildParameters,
    runs::{MAX_BYTES, too_large},
};
use crate::{
    Error, Specs,
    advance::{Outcome, ending::error},
    runs::{Initiator, ParentJob, Saved, Source, StartRun},
};

/// How many ancestors a run may have.
const MAX_DEPTH: i16 = 20;

/// What a job is to start.
pub(in crate::advance) struct ChildStart {
    pub(in crate::advance) saved: Saved,
    pub(in crate::advance) start: StartRun,
    pub(in crate::advance) parent: ParentJob,
}

/// A job that is to start a child.
struct Row {
    id: Uuid,
    run_id: Uuid,
    parameters: Json<JsonObject>,
    queue: String,
    depth: i16,
    actor_type: String,
    actor_id: String,
    priority: i16,
}

/// What the jobs are to start that wait for it and are due, or why they can't. Whoever asks holds
/// the locks of the jobs.
pub(in crate::advance) async fn child_starts(
    connection: &mut PgConnection,
    (specs, limits): (&Specs, &Limits),
    project: ProjectId,
    wanted: &Wanted,
) -> Result<HashMap<JobId, Result<ChildStart, JobError>>, Error> {
    if wanted.starts.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"with clock as materialized (select mobius_now() as now)
           select j.id, j.run_id, j.parameters as "parameters: Json<JsonObject>", j.queue, r.depth,
                  r.actor_type, r.actor_id, r.priority
           from jobs j
           join runs r on r.project_id = $1 and r.id = j.run_id
           where j.project_id = $1 and j.id = any($2) and j.server
             and j.status::text = 'pending' and j.scheduled_at <= (select now from clock)"#,
        project.as_uuid(),
        &wanted.starts,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut starts = HashMap::with_capacity(rows.len());
    let mut found = Vec::with_capacity(rows.len());
    let mut room = room(connection, project, limits).await?;
    for row in rows {
        let id = JobId::from(row.id);
        match row.parse(&mut room) {
            Ok(parameters) => found.push((row, parameters)),
            Err(error) => {
                starts.insert(id, Err(error));
            }
        }
    }
    let mut saved = workflows(connection, specs, project, &found).await?;
    for (place, (row, parameters)) in found.into_iter().enumerate() {
        let id = JobId::from(row.id);
        let start = match saved.remove(&place) {
            Some(saved) => row.start(parameters, saved, limits),
            None => Err(unknown(&parameters)),
        };
        starts.insert(id, start);
    }
    Ok(starts)
}

/// The workflows that are asked for, by the place of the job that asks.
async fn workflows(
    connection: &mut PgConnection,
    specs: &Specs,
    project: ProjectId,
    asked: &[(Row, ChildParameters)],
) -> Result<HashMap<usize, Saved>, Error> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let names = asked
        .iter()
        .map(|(_, parameters)| parameters.workflow.as_str());
    let ids: Vec<Option<Uuid>> = names
        .clone()
        .map(|name| WorkflowId::from_str(name).ok().map(WorkflowId::as_uuid))
        .collect();
    let names: Vec<&str> = names.collect();
    let versions: Vec<Option<i32>> = asked.iter().map(|(_, asked)| asked.version).collect();
    let rows = sqlx::query!(
        r#"select asked.place as "place!", w.id, w.name, w.handle, v.version, v.spec_hash
           from unnest($2::text[], $3::uuid[], $4::int[])
                with ordinality as asked (handle, id, version, place)
           join workflows w
             on w.project_id = $1
            and (w.id = asked.id or (asked.id is null and w.handle = asked.handle))
           join workflow_versions v
             on v.project_id = $1 and v.workflow_id = w.id
            and v.version = coalesce(asked.version, w.latest_version)"#,
        project.as_uuid(),
        &names as _,
        &ids as _,
        &versions as _,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut saved = HashMap::with_capacity(rows.len());
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        let workflow = Saved {
            id: Some(row.id.into()),
            name: row.name,
            handle: row.handle,
            version: row.version,
            spec: specs.load(connection, project, &row.spec_hash).await?,
        };
        saved.insert(place, workflow);
    }
    Ok(saved)
}

/// How many more children may go on in the project.
struct Room {
    most: u32,
    left: i64,
}

/// Counts the children of the project that go on, as far as matters. Without a lock: what other
/// replicas start at the same moment may come on top.
async fn room(
    connection: &mut PgConnection,
    project: ProjectId,
    limits: &Limits,
) -> Result<Room, Error> {
    let most = limits.max_live_children;
    let live = sqlx::query_scalar!(
        r#"select count(*) as "live!" from (
               select from runs
               where project_id = $1 and parent_job_id is not null and completed_at is null
               limit $2) as counted"#,
        project.as_uuid(),
        i64::from(most),
    )
    .fetch_one(connection)
    .await?;
    let left = i64::from(most) - live;
    Ok(Room { most, left })
}

impl Room {
    /// Takes the place of one more child.
    fn take(&mut self) -> Result<(), JobError> {
        if self.left <= 0 {
            let most = self.most;
            let message = format!("the project has {most} child runs that have not ended");
            return Err(error("limit_exceeded", &message));
        }
        self.left -= 1;
        Ok(())
    }
}

impl Row {
    fn parse(&self, room: &mut Room) -> Result<ChildParameters, JobError> {
        if self.depth >= MAX_DEPTH {
            let message = format!("a run may have at most {MAX_DEPTH} ancestors");
            return Err(error("limit_exceeded", &message));
        }
        let parsed = ChildParameters::parse(&self.parameters.0);
        let parameters = parsed.map_err(|wrong| invalid(&wrong))?;
        room.take()?;
        Ok(parameters)
    }

    fn start(
        self,
        parameters: ChildParameters,
        saved: Saved,
        limits: &Limits,
    ) -> Result<ChildStart, JobError> {
        let run = RunId::from(self.run_id);
        let parent = ParentJob {
            run,
            job: self.id.into(),
            depth: self.depth + 1,
        };
        let start = StartRun {
            source: Source::Inline(saved.spec.clone()),
            queue: parameters.queue.unwrap_or(self.queue),
            inputs: parameters.inputs.unwrap_or_default(),
            metadata: parameters.metadata,
            external_id: parameters.external_id,
            initiator: Initiator {
                actor_type: self.actor_type.into(),
                actor_id: self.actor_id,
                label: format!("run {run}"),
            },
            options: JobOptions {
                priority: Some(i64::from(self.priority)),
                ..JobOptions::default()
            },
        };
        let checked = start.check(limits.max_inputs_bytes);
        checked.map_err(|wrong| invalid(&wrong.to_string()))?;
        Ok(ChildStart {
            saved,
            start,
            parent,
        })
    }
}

/// The error of a job whose parameters are of no use.
pub(in crate::advance) fn invalid(message: &str) -> JobError {
    error("invalid_parameters", message)
}

fn unknown(parameters: &ChildParameters) -> JobError {
    let name = &parameters.workflow;
    let message = match parameters.version {
        Some(version) => format!("workflow: there is no `{name}` with version {version}"),
        None => format!("workflow: there is no `{name}`"),
    };
    invalid(&message)
}

/// What came of a child, or why the job can't have it.
pub(in crate::advance) type ChildOutcome = Result<Outcome, JobError>;

/// What came of those of the children that have ended.
pub(in crate::advance) async fn child_outcomes(
    connection: &mut PgConnection,
    project: ProjectId,
    wanted: &Wanted,
    limits: &Limits,
) -> Result<HashMap<RunId, ChildOutcome>, Error> {
    if wanted.children.is_empty() {
        return Ok(HashMap::new());
    }
    let most = i64::try_from(limits.max_result_bytes).unwrap_or(i64::MAX);
    // Without a lock: an ended run stays as it is unless somebody retries it, and a run that the
    // batch has not locked by now must not be waited for.
    let rows = sqlx::query!(
        r#"with ended as materialized (
               select id, status, result, error_message,
                      octet_length(result::text)::bigint as bytes
               from runs
               where project_id = $1 and id = any($2)
                 and status::text in ('completed', 'failed')),
           taken as materialized (
               select coalesce(sum(bytes) filter (where bytes <= $3), 0) > $4::bigint as too_much
               from ended)
           select id, status as "status: WorkflowRunStatus", bytes > $3 as too_large, too_much as "too_much!",
                  case when bytes <= $3 and not too_much then result::text end as result, error_message
           from ended cross join taken"#,
        project.as_uuid(),
        &wanted.children,
        most,
        i64::from(MAX_BYTES),
    )
    .fetch_all(connection)
    .await?;
    if rows.len() > 1 && rows.iter().any(|row| row.too_much) {
        return Err(too_large());
    }
    let outcomes = rows.into_iter().map(|row| {
        let id = RunId::from(row.id);
        let outcome = if row.too_large == Some(true) {
            let message = format!("child run {id} gives back more than {most} bytes");
            Err(error("limit_exceeded", &message))
        } else if row.status == WorkflowRunStatus::Completed {
            Ok(Outcome::Completed {
                result: row.result.map(String::into_bytes),
            })
        } else {
            let why = row.error_message.unwrap_or_default();
            Ok(Outcome::Failed {
                error_type: Some("child_failed".to_owned()),
                message: Some(format!("child run {id} failed: {why}")),
            })
        };
        (id, outcome)
    });
    Ok(outcomes.collect())
}
