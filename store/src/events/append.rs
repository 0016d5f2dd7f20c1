//! Appends frames: one statement a transaction, its last one.

use std::collections::HashMap;

use mobius_types::{EventType, JsonObject, ProjectId, RunId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::emit::Source;
use crate::Error;

/// The most bytes of frames in one row, unless a single frame is larger. Readers take rows by
/// their number, so a large row would be a large piece of memory in each of them.
const ROW_BYTES: usize = 64 * 1024;

/// One change, as it is stored.
#[derive(Serialize)]
struct Frame<'f, D> {
    #[serde(rename = "type")]
    kind: &'f str,
    data: &'f D,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'f Source>,
}

impl<D: Serialize> Frame<'_, D> {
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("JSON values with text keys can always be written")
    }
}

fn ours(kind: EventType, data: &Value) -> String {
    Frame {
        kind: kind.as_str(),
        data,
        source: None,
    }
    .to_json()
}

/// The frames of a transaction as JSON, by run, in the order in which the runs were first touched.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    runs: Vec<(RunId, Vec<String>)>,
    /// What belongs between them and was only learned when it was written, by its place.
    inserted: HashMap<RunId, Vec<(usize, String)>>,
    places: HashMap<RunId, usize>,
}

impl Frames {
    /// Adds a frame of our own to those of its run.
    pub(crate) fn push(&mut self, run: RunId, kind: EventType, data: Value) {
        self.of_run(run).push(ours(kind, &data));
    }

    /// Where the next frame of the run will stand.
    pub(crate) fn next_place(&self, run: RunId) -> usize {
        let place = self.places.get(&run);
        place.map_or(0, |place| self.runs[*place].1.len())
    }

    /// Adds a frame of our own to those of its run, at a place that [`Self::next_place`] gave:
    /// before what was added since, and after what was inserted there.
    pub(crate) fn insert(&mut self, run: RunId, place: usize, kind: EventType, data: &Value) {
        // The run has its place among the runs even when it has no other frame.
        self.of_run(run);
        let inserted = self.inserted.entry(run).or_default();
        inserted.push((place, ours(kind, data)));
    }

    /// Puts a frame of our own in front of those of its run, which is new: nothing is inserted.
    pub(crate) fn push_first(&mut self, run: RunId, kind: EventType, data: Value) {
        self.of_run(run).insert(0, ours(kind, &data));
    }

    /// Adds a worker's frame to those of its run.
    pub(super) fn push_custom(
        &mut self,
        run: RunId,
        kind: &str,
        payload: &JsonObject,
        source: &Source,
    ) {
        let frame = Frame {
            kind,
            data: payload,
            source: Some(source),
        };
        self.of_run(run).push(frame.to_json());
    }

    fn of_run(&mut self, run: RunId) -> &mut Vec<String> {
        let place = *self.places.entry(run).or_insert(self.runs.len());
        if place == self.runs.len() {
            self.runs.push((run, Vec::new()));
        }
        &mut self.runs[place].1
    }

    /// The frames as rows of a bounded size.
    fn into_rows(mut self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.runs.len());
        for (run, frames) in self.runs {
            let first = rows.len();
            let inserted = self.inserted.remove(&run).unwrap_or_default();
            for frame in merged(frames, inserted) {
                match rows[first..].last_mut() {
                    Some(row) if row.frames.len() + frame.len() <= ROW_BYTES => row.push(&frame),
                    Some(_) | None => rows.push(Row::new(run, &frame)),
                }
            }
        }
        rows
    }
}

/// The frames of a run with those that were inserted.
fn merged(frames: Vec<String>, mut inserted: Vec<(usize, String)>) -> Vec<String> {
    if inserted.is_empty() {
        return frames;
    }
    // Stable: what was inserted at one place stays in its order.
    inserted.sort_by_key(|(place, _)| *place);
    let mut all = Vec::with_capacity(frames.len() + inserted.len());
    let mut inserted = inserted.into_iter().peekable();
    for (place, frame) in frames.into_iter().enumerate() {
        while let Some((_, early)) = inserted.next_if(|(at, _)| *at <= place) {
            all.push(early);
        }
        all.push(frame);
    }
    all.extend(inserted.map(|(_, frame)| frame));
    all
}

/// A row that is being put together.
struct Row {
    run: RunId,
    count: i64,
    /// A JSON array that is not closed yet.
    frames: String,
}

impl Row {
    fn new(run: RunId, frame: &str) -> Self {
        Self {
            run,
            count: 1,
            frames: format!("[{frame}"),
        }
    }

    fn push(&mut self, frame: &str) {
        self.count += 1;
        self.frames.push(',');
        self.frames.push_str(frame);
    }
}

/// Appends the frames, and returns whether there are any. Must be the transaction's last statement
/// before the commit.
pub(crate) async fn append(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    frames: Frames,
) -> Result<bool, Error> {
    let rows = frames.into_rows();
    if rows.is_empty() {
        return Ok(false);
    }
    let runs: Vec<Uuid> = rows.iter().map(|row| row.run.as_uuid()).collect();
    let counts: Vec<i64> = rows.iter().map(|row| row.count).collect();
    let ends: Vec<i64> = rows
        .iter()
        .scan(0, |end, row| {
            *end += row.count;
            Some(*end)
        })
        .collect();
    let frames: Vec<String> = rows.into_iter().map(|row| row.frames + "]").collect();
    sqlx::query!(
        "with counter as (
             update project_counters set event_seq = event_seq + $3
             where project_id = $1
             -- Where this transaction's frames begin.
             returning event_seq - $3 as base)
         insert into run_events (project_id, first_seq, last_seq, run_id, created_at, frames)
         select $1, base + ends - count + 1, base + ends, run, $2, frames
         from counter, unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::text[])
              as new (run, ends, count, frames)",
        project.as_uuid(),
        now,
        ends.last().copied().unwrap_or(0),
        &runs,
        &ends,
        &counts,
        &frames,
    )
    .execute(connection)
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_hold_all_frames_in_order_and_stay_small() {
        let (small, large) = (RunId::generate(), RunId::generate());
        let mut frames = Frames::default();
        for place in 0..300 {
            let text = "x".repeat(1_000);
            frames.push(
                large,
                EventType::JobUpdated,
                json!({"place": place, "text": text}),
            );
        }
        frames.push(small, EventType::RunUpdated, json!({}));
        let rows = frames.into_rows();
        let mut place = 0;
        for row in rows.iter().filter(|row| row.run == large) {
            assert!(row.frames.len() <= ROW_BYTES);
            let frames: Vec<Value> = serde_json::from_str(&format!("{}]", row.frames)).unwrap();
            assert_eq!(frames.len(), usize::try_from(row.count).unwrap());
            for frame in frames {
                assert_eq!(frame["data"]["place"], place);
                place += 1;
            }
        }
        assert_eq!(place, 300);
        assert_eq!(rows.iter().filter(|row| row.run == small).count(), 1);
    }

    #[test]
    fn a_frame_that_is_too_large_for_a_row_has_one_to_itself() {
        let run = RunId::generate();
        let mut frames = Frames::default();
        for size in [1, ROW_BYTES, 1] {
            frames.push(run, EventType::JobUpdated, json!("x".repeat(size)));
        }
        let counts: Vec<i64> = frames.into_rows().iter().map(|row| row.count).collect();
        assert_eq!(counts, [1, 1, 1]);
    }
}
