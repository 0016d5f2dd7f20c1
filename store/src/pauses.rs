//! Pauses: queues and actions of which no job is handed out.
//!
//! A pause is a row of its own and never a limit of zero. It holds for lanes that appear later, too,
//! and does nothing to jobs that workers hold.

use std::collections::HashSet;

use mobius_types::{Lane, LaneListResponse, Pause, PauseKind, ProjectId, Timestamp};
use sqlx::PgConnection;

use crate::{Error, hand_off};

/// The most lanes that are listed, and the most pauses that a project may have: all of them are listed,
/// and each claim looks at them.
const LISTED: i64 = 1_000;

/// What of a project is paused.
#[derive(Debug, Default)]
pub(crate) struct Paused {
    queues: HashSet<String>,
    actions: HashSet<String>,
}

impl Paused {
    pub(crate) fn new(queues: &[String], actions: &[String]) -> Self {
        Self {
            queues: queues.iter().cloned().collect(),
            actions: actions.iter().cloned().collect(),
        }
    }

    /// Whether jobs of the lane have to wait.
    pub(crate) fn holds(&self, lane: hand_off::Lane<'_>) -> bool {
        self.queues.contains(lane.queue) || self.actions.contains(lane.action)
    }
}

/// Pauses a queue or an action. What is paused already stays paused by whoever did it first.
///
/// # Errors
/// The project has too many, or the database failed.
pub async fn pause(
    connection: &mut PgConnection,
    project: ProjectId,
    (kind, name): (PauseKind, &str),
    reason: Option<&str>,
    by: &str,
) -> Result<Pause, Error> {
    sqlx::query!(
        "insert into paused_lanes (project_id, kind, name, reason, paused_by, paused_at)
         select $1, $2, $3, $4, $5, mobius_now()
         where (select count(*) from paused_lanes where project_id = $1) < $6
         on conflict do nothing",
        project.as_uuid(),
        kind.as_str(),
        name,
        reason,
        by,
        LISTED,
    )
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query_as!(
        Row,
        "select kind, name, reason, paused_by, paused_at from paused_lanes
         where project_id = $1 and kind = $2 and name = $3",
        project.as_uuid(),
        kind.as_str(),
        name,
    )
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or_else(|| Error::Conflict {
        code: "limit_exceeded",
        message: format!("a project has at most {LISTED} pauses"),
    })?;
    Ok(row.into())
}

/// Has the jobs handed out again; nothing happens when they are. Whoever calls it rings after the
/// commit.
///
/// # Errors
/// The database failed.
pub async fn unpause(
    connection: &mut PgConnection,
    project: ProjectId,
    kind: PauseKind,
    name: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "delete from paused_lanes where project_id = $1 and kind = $2 and name = $3",
        project.as_uuid(),
        kind.as_str(),
        name,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The lanes of a project, and what is paused.
///
/// # Errors
/// The database failed.
pub async fn lanes(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<LaneListResponse, Error> {
    let rows = sqlx::query_as!(
        Row,
        "select kind, name, reason, paused_by, paused_at from paused_lanes
         where project_id = $1
         order by kind, name
         limit $2",
        project.as_uuid(),
        LISTED,
    )
    .fetch_all(&mut *connection)
    .await?;
    let items = sqlx::query_file_as!(Lane, "src/pauses/lanes.sql", project.as_uuid(), LISTED)
        .fetch_all(connection)
        .await?;
    Ok(LaneListResponse {
        items,
        pauses: rows.into_iter().map(Into::into).collect(),
    })
}

struct Row {
    kind: String,
    name: String,
    reason: Option<String>,
    paused_by: String,
    paused_at: Timestamp,
}

impl From<Row> for Pause {
    fn from(row: Row) -> Self {
        Self {
            kind: match row.kind.as_str() {
                "queue" => PauseKind::Queue,
                _ => PauseKind::Action,
            },
            name: row.name,
            reason: row.reason,
            paused_by: row.paused_by,
            paused_at: row.paused_at,
        }
    }
}
