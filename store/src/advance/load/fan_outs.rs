//! Reads the counters of fan-outs, and what their items gave back.

use std::collections::{BTreeSet, HashMap};

use mobius_engine::{FanOut, JobRef, result_value};
use mobius_types::{JobId, JobStatus, ProjectId, RunId};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LockedJob, Wanted};
use crate::{Error, advance::fan_outs::LiveFanOut, limits::JobTerms};

/// The fan-outs whose items the inputs name, or of which more items are to be made. The lock of
/// their run keeps them as they are.
pub(in crate::advance) async fn fan_outs(
    connection: &mut PgConnection,
    project: ProjectId,
    wanted: &Wanted,
    jobs: &HashMap<JobId, LockedJob>,
) -> Result<HashMap<JobId, LiveFanOut>, Error> {
    let named = wanted.fan_outs.iter().copied();
    let parents = jobs.values().filter_map(|job| Some(job.item?.0.as_uuid()));
    let ids: Vec<Uuid> = named
        .chain(parents)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query_file!("src/advance/load/fan_outs.sql", project.as_uuid(), &ids,)
        .fetch_all(connection)
        .await?;
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let fan_outs = rows.into_iter().map(|row| {
        let fan_out = LiveFanOut {
            run: RunId::from(row.run_id),
            job: JobRef {
                branch: row.branch,
                visit: row.visit,
            },
            step: row.step_name,
            action: row.action,
            queue: row.queue,
            terms: JobTerms {
                priority: row.priority,
                limit: row.limit_id,
            },
            server: row.server,
            stores_results: row.stores_results,
            timeout_ms: row.attempt_timeout_ms,
            max_attempts: row.max_attempts,
            counters: FanOut {
                items: count(row.items),
                created: count(row.created),
                released: count(row.released),
                completed: count(row.completed),
                failed: count(row.failed),
                max_concurrency: row.max_concurrency.map(count),
                max_failures: count(row.max_failures),
            },
            parameter_bytes: row.parameter_bytes.unsigned_abs(),
            is_new: false,
            changed: false,
            ended: row.ended,
            result: None,
        };
        (row.job_id.into(), fan_out)
    });
    Ok(fan_outs.collect())
}

/// How many bytes the items of a fan-out gave back, errors included.
pub(in crate::advance) async fn result_bytes(
    connection: &mut PgConnection,
    project: ProjectId,
    fan_out: JobId,
) -> Result<u64, Error> {
    let bytes = sqlx::query_scalar!(
        r#"select coalesce(sum(case when status::text = 'completed' then octet_length(result)
                                    else octet_length(error_type) + octet_length(last_error) end),
                           0)::bigint as "bytes!"
           from jobs
           where project_id = $1 and parent_job_id = $2"#,
        project.as_uuid(),
        fan_out.as_uuid(),
    )
    .fetch_one(connection)
    .await?;
    Ok(bytes.unsigned_abs())
}

/// What the items of a fan-out gave back, in their order: read once, when all have ended.
pub(in crate::advance) async fn results(
    connection: &mut PgConnection,
    project: ProjectId,
    fan_out: JobId,
) -> Result<Value, Error> {
    let rows = sqlx::query!(
        r#"select status as "status: JobStatus", result, error_type, last_error from jobs
           where project_id = $1 and parent_job_id = $2
           order by item_index"#,
        project.as_uuid(),
        fan_out.as_uuid(),
    )
    .fetch_all(connection)
    .await?;
    let values = rows.into_iter().map(|row| {
        if row.status == JobStatus::Completed {
            result_value(row.result.as_deref())
        } else {
            json!({"error": row.error_type, "message": row.last_error})
        }
    });
    Ok(values.collect())
}
