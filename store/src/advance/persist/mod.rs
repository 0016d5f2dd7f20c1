//! Writes what a batch changed: one statement a table, and none for a table that it left alone.

mod fan_outs;
mod jobs;
mod runs;
mod stop;

use std::{collections::HashMap, time::Duration};

use mobius_types::{JobId, ProjectId, Timestamp};
use sqlx::PgConnection;

use super::{Aftermath, Input, Ledger, cancel, changes::Changes, fan_outs::LiveFanOut};
use crate::{
    Error, events,
    hand_off::HandOff,
    jobs::{JobRow, LeaseTerms, insert_jobs},
};

impl Ledger<'_> {
    /// Writes all of it, and says what is to be done after the commit.
    pub(crate) async fn finish(
        mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        terms: LeaseTerms,
        hand_off: HandOff,
    ) -> Result<Aftermath, Error> {
        let mut claimable_in = std::mem::take(&mut self.changes.claimable_in);
        if !self.changes.releases.is_empty()
            || self.changes.new_jobs.iter().any(JobRow::is_claimable)
        {
            claimable_in.insert(Duration::ZERO);
        }
        let (next, has_events) = self.write(connection, project, terms).await?;
        Ok(Aftermath {
            has_events,
            next,
            claimable_in,
            hand_off,
        })
    }

    /// Writes all of it. The order: what ended, what stops, what begins; then the runs, and the
    /// counter last. A run that stopped and was retried in one batch so keeps what the retry made.
    /// Returns what is to be done after the commit, and whether anything was told.
    async fn write(
        mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        terms: LeaseTerms,
    ) -> Result<(Vec<Input>, bool), Error> {
        self.write_ends(connection, project).await?;
        let Self {
            now,
            runs,
            fan_outs,
            mut next,
            mut changes,
            ..
        } = self;
        changes.timers.write_stopped(connection, project).await?;
        changes
            .interactions
            .write_ended(connection, project, now)
            .await?;
        let (new, old) = split(&fan_outs);
        fan_outs::update(connection, project, now, &old, &mut changes).await?;
        let mut orphans = changes
            .write_stopped_fan_outs(connection, project, now)
            .await?;
        orphans.extend(
            stop::stop_runs(
                connection,
                project,
                now,
                &changes.stopped,
                &mut changes.frames,
            )
            .await?,
        );
        next.extend(
            orphans
                .into_iter()
                .map(|(parent, child)| cancel(child, parent)),
        );
        let released = changes.write_releases(connection, project, now).await?;
        next.extend(
            released
                .into_iter()
                .map(|(run, job)| Input::StartChild { run, job }),
        );
        let restarted = changes.write_restarts(connection, project, now).await?;
        next.extend(
            restarted
                .into_iter()
                .map(|(run, fan_out)| Input::Chunk { run, fan_out }),
        );
        crate::runs::insert(connection, project, now, &changes.new_runs).await?;
        changes
            .write_new(connection, project, now, terms, &new)
            .await?;
        changes.signals.write(connection, project, now).await?;
        let changed: Vec<_> = runs.iter().filter(|(_, run)| run.changed).collect();
        runs::update_runs(connection, project, now, &changed).await?;
        let has_events = events::append(connection, project, now, changes.frames).await?;
        Ok((next, has_events))
    }

    /// Writes the ends of attempts that are not written yet, and before them what the control
    /// plane has claimed.
    pub(super) async fn write_ends(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<(), Error> {
        let claims = std::mem::take(&mut self.changes.claims);
        jobs::claim(connection, project, self.now, &claims).await?;
        let ended = std::mem::take(&mut self.changes.jobs);
        jobs::update_jobs(connection, project, self.now, &ended).await?;
        let attempts = std::mem::take(&mut self.changes.attempts);
        jobs::insert_attempts(connection, project, self.now, &attempts).await
    }
}

type FanOuts<'f> = Vec<(JobId, &'f LiveFanOut)>;

/// The fan-outs that are to be inserted, and those that have changed.
fn split(fan_outs: &HashMap<JobId, LiveFanOut>) -> (FanOuts<'_>, FanOuts<'_>) {
    let all = fan_outs.iter().map(|(id, fan_out)| (*id, fan_out));
    let (new, old): (FanOuts<'_>, FanOuts<'_>) = all.partition(|(_, fan_out)| fan_out.is_new);
    let old = old.into_iter().filter(|(_, fan_out)| fan_out.changed);
    (new, old.collect())
}

impl Changes {
    /// Writes what begins.
    async fn write_new(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
        terms: LeaseTerms,
        fan_outs: &[(JobId, &LiveFanOut)],
    ) -> Result<(), Error> {
        insert_jobs(connection, project, now, terms, &self.new_jobs).await?;
        fan_outs::insert(connection, project, now, fan_outs).await?;
        self.timers.write_started(connection, project).await?;
        self.interactions
            .write_opened(connection, project, now)
            .await
    }
}
