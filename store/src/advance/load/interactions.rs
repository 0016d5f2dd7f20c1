//! Finds the interactions that answers name.

use std::collections::HashMap;

use mobius_engine::JobRef;
use mobius_types::{InteractionId, ProjectId, RunId};
use sqlx::PgConnection;

use super::Wanted;
use crate::Error;

/// An interaction whose answer has arrived.
pub(in crate::advance) struct OpenInteraction {
    pub(in crate::advance) run: RunId,
    pub(in crate::advance) job: JobRef,
}

/// The interactions that are answered and can be: those of runs, in time and not answered yet. The
/// lock of their run keeps them so.
pub(in crate::advance) async fn open_interactions(
    connection: &mut PgConnection,
    project: ProjectId,
    wanted: &Wanted,
) -> Result<HashMap<InteractionId, OpenInteraction>, Error> {
    if wanted.interactions.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"select id, run_id as "run_id!", branch as "branch!", visit as "visit!"
           from interactions
           where project_id = $1 and id = any($2) and status::text = 'pending'
             and run_id is not null
             -- The timer of one that is past its time may not have fired yet.
             and (expires_at is null or expires_at > mobius_now())"#,
        project.as_uuid(),
        &wanted.interactions,
    )
    .fetch_all(connection)
    .await?;
    let open = rows.into_iter().map(|row| {
        let job = JobRef {
            branch: row.branch,
            visit: row.visit,
        };
        let run = row.run_id.into();
        (row.id.into(), OpenInteraction { run, job })
    });
    Ok(open.collect())
}
