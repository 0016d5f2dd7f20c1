//! What a batch makes of its runs' timers.

use std::collections::BTreeMap;

use mobius_engine::JobRef;
use mobius_types::{ProjectId, RunId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// The timer that each touched step execution has when the batch is done; none if it stopped.
#[derive(Default)]
pub(crate) struct TimerChanges(BTreeMap<(RunId, i32), Option<Timer>>);

struct Timer {
    branch: String,
    fires_at: Timestamp,
}

impl TimerChanges {
    /// The step execution waits for this time.
    pub(crate) fn start(&mut self, run: RunId, job: JobRef, fires_at: Timestamp) {
        let timer = Timer {
            branch: job.branch,
            fires_at,
        };
        self.0.insert((run, job.visit), Some(timer));
    }

    /// The step execution waits no more.
    pub(crate) fn stop(&mut self, run: RunId, visit: i32) {
        self.0.insert((run, visit), None);
    }

    /// Forgets what the batch has done to the run's timers: all of them are dropped.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.0.retain(|(of, _), _| *of != run);
    }

    /// Deletes the timers that stopped.
    pub(crate) async fn write_stopped(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<(), Error> {
        let stopped = self.0.iter().filter(|(_, timer)| timer.is_none());
        let (runs, visits): (Vec<Uuid>, Vec<i32>) = stopped
            .map(|((run, visit), _)| (run.as_uuid(), *visit))
            .unzip();
        if runs.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "delete from timers t
             using unnest($2::uuid[], $3::int[]) as gone (run_id, visit)
             where t.project_id = $1 and t.run_id = gone.run_id and t.visit = gone.visit
               and t.run_id = any($2)",
            project.as_uuid(),
            &runs,
            &visits,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Inserts the timers that started. After what stopped, also by the end of its run, is gone.
    pub(crate) async fn write_started(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<(), Error> {
        let started: Vec<_> = self
            .0
            .iter()
            .filter_map(|(key, timer)| Some((key, timer.as_ref()?)))
            .collect();
        if started.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uuid> = started.iter().map(|((run, _), _)| run.as_uuid()).collect();
        let visits: Vec<i32> = started.iter().map(|((_, visit), _)| *visit).collect();
        let branches: Vec<&str> = started.iter().map(|(_, t)| t.branch.as_str()).collect();
        let times: Vec<Timestamp> = started.iter().map(|(_, timer)| timer.fires_at).collect();
        sqlx::query!(
            "insert into timers (project_id, run_id, visit, branch, fires_at)
             select $1, run_id, visit, branch, fires_at
             from unnest($2::uuid[], $3::int[], $4::text[], $5::timestamptz[])
                  as new (run_id, visit, branch, fires_at)
             on conflict (project_id, run_id, visit) do update set fires_at = excluded.fires_at",
            project.as_uuid(),
            &runs,
            &visits,
            &branches as _,
            &times,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
