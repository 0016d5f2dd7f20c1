//! Writes what a batch changed: one statement a table, and none for a table that it left alone.

mod jobs;
mod runs;
mod stop;

use mobius_types::{ProjectId, Timestamp};
use sqlx::PgConnection;

use super::{Ledger, changes::Changes};
use crate::{Error, events, jobs::insert_jobs, runs::NewRun};

impl Ledger<'_> {
    /// Writes all of it. The order: what ended, what stops, what begins; then the runs, and the
    /// counter last. A run that stopped and was retried in one batch so keeps what the retry made.
    pub(super) async fn write(
        self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<(), Error> {
        let Self {
            now,
            runs,
            mut changes,
            ..
        } = self;
        jobs::update_jobs(connection, project, now, &changes.jobs).await?;
        jobs::insert_attempts(connection, project, now, &changes.attempts).await?;
        changes.timers.write_stopped(connection, project).await?;
        changes
            .interactions
            .write_ended(connection, project, now)
            .await?;
        stop::stop_runs(
            connection,
            project,
            now,
            &changes.stopped,
            &mut changes.frames,
        )
        .await?;
        changes.write_new(connection, project, now).await?;
        changes.signals.write(connection, project, now).await?;
        let changed: Vec<_> = runs.iter().filter(|(_, run)| run.changed).collect();
        runs::update_runs(connection, project, now, &changed).await?;
        events::append(connection, project, now, changes.frames).await
    }

    /// Writes runs that were started and are not stored yet, with all that they begin with.
    pub(crate) async fn write_started(
        self,
        connection: &mut PgConnection,
        project: ProjectId,
        runs: &[NewRun],
    ) -> Result<(), Error> {
        let Self { now, changes, .. } = self;
        crate::runs::insert(connection, project, now, runs).await?;
        changes.write_new(connection, project, now).await?;
        events::append(connection, project, now, changes.frames).await
    }
}

impl Changes {
    /// Writes what begins.
    async fn write_new(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        insert_jobs(connection, project, now, &self.new_jobs).await?;
        self.timers.write_started(connection, project).await?;
        self.interactions
            .write_opened(connection, project, now)
            .await
    }
}
