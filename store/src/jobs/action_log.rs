//! Reads the action log of a run: every ended attempt, in the order of the ends.
//!
//! An attempt ends under the lock of its run, and the time is read under that lock too; so of one
//! run no entry can appear before one that a page has shown already.

use mobius_engine::result_value;
use mobius_types::{ActionLogEntry, JobId, JsonObject, Page, ProjectId, RunId, Timestamp};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::read::run_exists;
use crate::{
    Error,
    cursor::{self, List},
};

/// A page ends after the entry with which it becomes larger than this.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// What the entries are sorted by.
#[derive(Default)]
struct Key {
    ended_at: Option<Timestamp>,
    job: Uuid,
    attempt: i32,
}

impl Key {
    fn to_bytes(ended_at: Timestamp, job: JobId, attempt: i32) -> Vec<u8> {
        let mut bytes = ended_at.timestamp_micros().to_be_bytes().to_vec();
        bytes.extend_from_slice(job.as_uuid().as_bytes());
        bytes.extend_from_slice(&attempt.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (micros, rest) = bytes.split_first_chunk()?;
        let (job, attempt) = rest.split_first_chunk()?;
        Some(Self {
            ended_at: Some(Timestamp::from_timestamp_micros(i64::from_be_bytes(
                *micros,
            ))?),
            job: Uuid::from_bytes(*job),
            attempt: i32::from_be_bytes(attempt.try_into().ok()?),
        })
    }
}

/// A page of the run's action log; `None` when there is no such run.
///
/// # Errors
/// A foreign cursor, or the database failed.
pub async fn action_log(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    after: Option<&str>,
    limit: i64,
) -> Result<Option<Page<ActionLogEntry>>, Error> {
    let after = match cursor::decode_key(List::ActionLog, after)? {
        Some(bytes) => Key::from_bytes(&bytes).ok_or(Error::InvalidCursor)?,
        None => Key::default(),
    };
    if !run_exists(connection, project, run).await? {
        return Ok(None);
    }
    let rows = sqlx::query_file!(
        "src/jobs/action_log.sql",
        project.as_uuid(),
        run.as_uuid(),
        after.ended_at,
        after.job,
        after.attempt,
        limit,
        PAGE_BYTES,
    )
    .fetch_all(connection)
    .await?;
    let found = rows.first().map_or(0, |row| row.found);
    let has_more = usize::try_from(found).is_ok_and(|found| found > rows.len());
    let entries = rows.into_iter().map(|row| {
        let job_id = JobId::from(row.job_id);
        let entry = ActionLogEntry {
            id: format!("{job_id}-{}", row.attempt),
            action: row.action,
            step_name: row.step_name,
            branch_id: row.branch,
            parameters: Some(row.parameters.0),
            result: row.result.map(shown),
            error: row.error,
            started_at: row.claimed_at,
            duration_ms: (row.ended_at - row.claimed_at).num_milliseconds().max(0),
            error_type: row.error_type,
            job_id,
            attempt: row.attempt,
            worker_id: row.worker_id,
        };
        (row.ended_at, entry)
    });
    let key = |(ended_at, entry): &(Timestamp, ActionLogEntry)| {
        Key::to_bytes(*ended_at, entry.job_id, entry.attempt)
    };
    let page = cursor::page_with(List::ActionLog, entries.collect(), has_more, key);
    Ok(Some(page.map(|(_, entry)| entry)))
}

/// A result as the log shows it, which is an object whatever the action gave back.
fn shown(result: Vec<u8>) -> JsonObject {
    let value = result_value(Some(&result));
    if let Value::Object(object) = value {
        return object;
    }
    JsonObject::from_iter([("value".to_owned(), value)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_cursor() {
        let ended_at = Timestamp::from_timestamp_micros(1_700_000_000_123_457).unwrap();
        let job = JobId::generate();
        let key = Key::from_bytes(&Key::to_bytes(ended_at, job, 7)).unwrap();
        assert_eq!(key.ended_at, Some(ended_at));
        assert_eq!((key.job, key.attempt), (job.as_uuid(), 7));
    }

    #[test]
    fn bytes_of_another_length_are_no_key() {
        let key = Key::to_bytes(Timestamp::default(), JobId::generate(), 1);
        assert!(Key::from_bytes(&key[1..]).is_none());
        assert!(Key::from_bytes(&[key.as_slice(), &[0]].concat()).is_none());
    }

    #[test]
    fn a_result_that_is_no_object_is_shown_in_one() {
        for (result, expected) in [
            (&br#"{"a":1}"#[..], r#"{"a":1}"#),
            (b"[1]", r#"{"value":[1]}"#),
            (b"text", r#"{"value":"text"}"#),
            (b"null", r#"{"value":null}"#),
        ] {
            let shown = Value::Object(shown(result.to_vec()));
            assert_eq!(shown.to_string(), expected);
        }
    }
}
