//! Run events: appended in the transaction that makes the change they tell of.
//!
//! All that one transaction changes of one run is one row with several frames. The project's
//! counter is bumped once for all of them and is the last lock before the commit; so the sequence
//! is dense, and a smaller number can't appear after a larger one.

use std::collections::HashMap;

use mobius_types::{EventType, ProjectId, RunId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::Error;

/// One change, as the stream shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    #[serde(rename = "type")]
    kind: &'static str,
    data: Value,
}

/// The frames of a transaction, by run, in the order in which the runs were first touched.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    runs: Vec<(RunId, Vec<Frame>)>,
    places: HashMap<RunId, usize>,
}

impl Frames {
    /// Adds a frame to those of its run.
    pub(crate) fn push(&mut self, run: RunId, kind: EventType, data: Value) {
        let kind = kind.as_str();
        self.of_run(run).push(Frame { kind, data });
    }

    /// Puts a frame in front of those of its run.
    pub(crate) fn push_first(&mut self, run: RunId, kind: EventType, data: Value) {
        let kind = kind.as_str();
        self.of_run(run).insert(0, Frame { kind, data });
    }

    fn of_run(&mut self, run: RunId) -> &mut Vec<Frame> {
        let place = *self.places.entry(run).or_insert(self.runs.len());
        if place == self.runs.len() {
            self.runs.push((run, Vec::new()));
        }
        &mut self.runs[place].1
    }
}

/// Appends the frames. Must be the transaction's last statement before the commit.
pub(crate) async fn append(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    frames: Frames,
) -> Result<(), Error> {
    if frames.runs.is_empty() {
        return Ok(());
    }
    let runs: Vec<Uuid> = frames.runs.iter().map(|(run, _)| run.as_uuid()).collect();
    let ends: Vec<i64> = frames
        .runs
        .iter()
        .scan(0, |end, (_, frames)| {
            *end += i64::try_from(frames.len()).unwrap_or(i64::MAX);
            Some(*end)
        })
        .collect();
    let frames: Vec<Json<&[Frame]>> = frames
        .runs
        .iter()
        .map(|(_, frames)| Json(frames.as_slice()))
        .collect();
    sqlx::query!(
        "with counter as (
             update project_counters set event_seq = event_seq + $3
             where project_id = $1
             -- Where this transaction's frames begin.
             returning event_seq - $3 as base)
         insert into run_events (project_id, first_seq, last_seq, run_id, created_at, frames)
         select $1, base + ends - jsonb_array_length(frames) + 1, base + ends, run, $2, frames
         from counter, unnest($4::uuid[], $5::bigint[], $6::jsonb[]) as new (run, ends, frames)",
        project.as_uuid(),
        now,
        ends.last().copied().unwrap_or(0),
        &runs,
        &ends,
        frames as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
