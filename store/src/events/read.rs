//! Reads events: pages that follow on each other without a gap.
//!
//! A page ends after a bounded number of rows and bytes, so that a reader that replays a long
//! history never holds much of it.

use mobius_types::{ProjectId, RunId, Timestamp, WorkflowRunStatus};
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// The most rows of a page.
const PAGE_ROWS: i64 = 256;

/// A page ends after the row with which it becomes larger than this.
const PAGE_BYTES: i64 = 256 * 1024;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the project's sequence.
    pub seq: i64,
    /// The run that it tells of.
    pub run: RunId,
    /// When it happened.
    pub at: Timestamp,
    /// One of our own kinds, or a worker's name.
    pub kind: String,
    /// What it tells, as JSON.
    pub data: Box<RawValue>,
    /// The job that it comes from, as JSON; for the events of workers alone.
    pub source: Option<Box<RawValue>>,
}

/// The events that follow a number, or the first of them.
#[derive(Debug, Default)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The number up to which nothing is missing between the start and the end of this page: the
    /// next page follows it.
    pub upto: i64,
    /// Whether more was there already.
    pub has_more: bool,
    /// The number after which the page really begins. Larger than the one that was asked for when
    /// events in between are not kept any more.
    pub after: i64,
}

/// Where a project's sequence stands.
#[derive(Debug, Clone)]
pub struct Position {
    /// The number of the newest event; 0 before the first.
    pub head: i64,
    /// The number of the oldest event that is kept; one above the head when there is none.
    pub oldest: i64,
    /// The time.
    pub now: Timestamp,
    /// How the run that was asked for stands, exactly as the events up to the head tell.
    pub run: Option<RunStanding>,
}

/// What the history's last word on a run is.
#[derive(Debug, Clone)]
pub struct RunStanding {
    /// Where it stands.
    pub status: WorkflowRunStatus,
    /// How often it was started.
    pub attempt: i32,
    /// Whether it was asked to end.
    pub cancel_requested: bool,
    /// Why it failed.
    pub error_message: Option<String>,
}

/// Where the project's sequence stands, and how one of its runs does, read in one moment.
///
/// # Errors
/// No such project or run, or the database failed.
pub async fn position(
    connection: &mut PgConnection,
    project: ProjectId,
    run: Option<RunId>,
) -> Result<Position, Error> {
    let row = sqlx::query_file!(
        "src/events/position.sql",
        project.as_uuid(),
        run.map(RunId::as_uuid),
    )
    .fetch_optional(connection)
    .await?
    .ok_or(Error::NotFound("project"))?;
    let standing = match (row.status, row.attempt) {
        (Some(status), Some(attempt)) => Some(RunStanding {
            status,
            attempt,
            cancel_requested: row.cancel_requested.unwrap_or(false),
            error_message: row.error_message,
        }),
        _ if run.is_some() => return Err(Error::NotFound("run")),
        _ => None,
    };
    Ok(Position {
        head: row.head,
        oldest: row.oldest,
        now: row.now,
        run: standing,
    })
}

/// The newest event's number of each of the projects. One cheap look for many streams.
///
/// # Errors
/// The database failed.
pub async fn heads(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<Vec<(ProjectId, i64)>, Error> {
    let projects: Vec<Uuid> = projects.iter().map(|project| project.as_uuid()).collect();
    let rows = sqlx::query!(
        "select project_id, event_seq from project_counters where project_id = any($1)",
        &projects,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.project_id.into(), row.event_seq))
        .collect())
}

/// The events of a project after a number.
///
/// # Errors
/// The database failed, or a row can't be read.
pub async fn page_of_project(
    connection: &mut PgConnection,
    project: ProjectId,
    since: i64,
) -> Result<EventPage, Error> {
    let rows = sqlx::query_file!(
        "src/events/page_of_project.sql",
        project.as_uuid(),
        since,
        PAGE_ROWS,
        PAGE_BYTES,
    )
    .fetch_all(connection)
    .await?;
    let found = rows.first().map_or(0, |row| row.rows);
    let mut page = EventPage {
        has_more: found == PAGE_ROWS || found > count(rows.len()),
        upto: rows.last().map_or(since, |row| row.last_seq),
        after: rows
            .first()
            .map_or(since, |row| since.max(row.first_seq - 1)),
        events: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        let stored = StoredRow {
            first: row.first_seq,
            last: row.last_seq,
            run: row.run_id.into(),
            at: row.created_at,
        };
        stored.unpack(&row.frames, since, &mut page.events)?;
    }
    Ok(page)
}

/// The events of a run after a number of the project's sequence.
///
/// # Errors
/// No such project, the database failed, or a row can't be read.
pub async fn page_of_run(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    since: i64,
) -> Result<EventPage, Error> {
    let rows = sqlx::query_file!(
        "src/events/page_of_run.sql",
        project.as_uuid(),
        run.as_uuid(),
        since,
        PAGE_ROWS,
        PAGE_BYTES,
    )
    .fetch_all(connection)
    .await?;
    let head = rows.first().ok_or(Error::NotFound("project"))?;
    let (found, returned) = (head.rows.unwrap_or(0), count(rows.len()));
    let has_more = found == PAGE_ROWS || found > returned;
    let mut page = EventPage {
        has_more,
        after: since.max(head.oldest - 1),
        upto: since.max(head.head),
        events: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        let (Some(first), Some(last), Some(at), Some(frames)) =
            (row.first_seq, row.last_seq, row.created_at, row.frames)
        else {
            continue;
        };
        let stored = StoredRow {
            first,
            last,
            run,
            at,
        };
        stored.unpack(&frames, since, &mut page.events)?;
        if has_more {
            page.upto = last;
        }
    }
    Ok(page)
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A frame as its row holds it.
#[derive(Deserialize)]
struct StoredFrame {
    #[serde(rename = "type")]
    kind: String,
    data: Box<RawValue>,
    #[serde(default)]
    source: Option<Box<RawValue>>,
}

/// What the frames of a row have in common.
struct StoredRow {
    first: i64,
    last: i64,
    run: RunId,
    at: Timestamp,
}

impl StoredRow {
    /// Adds the row's events after the number.
    fn unpack(&self, frames: &str, since: i64, events: &mut Vec<Event>) -> Result<(), Error> {
        let corrupt = |what: &dyn std::fmt::Display| {
            Error::Corrupt(format!(
                "the events {} to {}: {what}",
                self.first, self.last
            ))
        };
        let frames: Vec<StoredFrame> =
            serde_json::from_str(frames).map_err(|error| corrupt(&error))?;
        if count(frames.len()) != self.last - self.first + 1 {
            return Err(corrupt(&"their number is another one"));
        }
        let numbered = (self.first..).zip(frames).filter(|(seq, _)| *seq > since);
        events.extend(numbered.map(|(seq, frame)| Event {
            seq,
            run: self.run,
            at: self.at,
            kind: frame.kind,
            data: frame.data,
            source: frame.source,
        }));
        Ok(())
    }
}
