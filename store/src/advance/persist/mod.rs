//! Writes what a batch changed: one statement a table, and none for a table that it left alone.

mod changed;
mod child_tasks;
mod fan_outs;
mod jobs;
mod runs;
mod stop;
mod weigh;

use std::{collections::HashMap, time::Duration};

use mobius_types::{JobId, ProjectId, Timestamp};
use sqlx::PgConnection;

use super::{Aftermath, Input, Ledger, changes::Changes, fan_outs::LiveFanOut};
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
        let mut claimable_in = std::mem::take(&mut self.claimable_in);
        if self.changes.new_jobs.iter().any(JobRow::is_claimable) {
            claimable_in.insert(Duration::ZERO);
        }
        let (next, has_events, has_room) = self.write(connection, project, terms).await?;
        if has_room {
            claimable_in.insert(Duration::ZERO);
        }
        Ok(Aftermath {
            has_events,
            next,
            claimable_in,
            hand_off,
        })
    }

    /// Writes all of it. The order: what ended, what stops, what begins, what begins again; then
    /// the runs, and the counter last. A run that stopped and was retried in one batch so keeps
    /// what the retry made, and what the batch had made before is among what begins again. Returns
    /// what is to be done after the commit, whether anything was told, and whether a limit may let
    /// jobs through that it did not before.
    async fn write(
        mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        terms: LeaseTerms,
    ) -> Result<(Vec<Input>, bool, bool), Error> {
        if self.is_shared {
            weigh::check(connection, project, &self.changes).await?;
        }
        self.write_ends(connection, project).await?;
        self.note_limits();
        let Self {
            now,
            runs,
            fan_outs,
            mut next,
            mut changes,
            done_tasks,
            ..
        } = self;
        changes.timers.write_stopped(connection, project).await?;
        changes
            .interactions
            .write_ended(connection, project, now)
            .await?;
        let (new, old) = split(&fan_outs);
        fan_outs::update(connection, project, now, &old).await?;
        changes.write_stopped(connection, project, now).await?;
        let frames = &mut changes.frames;
        let released =
            fan_outs::release(connection, project, now, &changes.releases, frames).await?;
        next.extend(released);
        crate::runs::insert(connection, project, now, &changes.new_runs).await?;
        changes
            .write_new(connection, project, now, terms, &new)
            .await?;
        let frames = &mut changes.frames;
        let restarted =
            fan_outs::restart(connection, project, now, &changes.restarted, frames).await?;
        next.extend(restarted);
        changes.signals.write(connection, project, now).await?;
        let changed: Vec<_> = runs.iter().filter(|(_, run)| run.changed).collect();
        runs::update_runs(connection, project, now, &changed).await?;
        next.extend(changes.child_tasks.iter().map(|task| task.input()));
        child_tasks::write(connection, project, now, &done_tasks, &changes.child_tasks).await?;
        let has_room = changes.limits.write(connection, project, now).await?;
        let has_events = events::append(connection, project, now, changes.frames).await?;
        Ok((next, has_events, has_room))
    }

    /// Notes what limits are named, and where their jobs begin to wait.
    fn note_limits(&mut self) {
        let (changes, runs) = (&mut self.changes, &self.runs);
        for new in changes.new_runs.iter().filter_map(|run| run.limit.as_ref()) {
            changes.limits.name(new);
        }
        for row in changes.new_jobs.iter().filter(|row| row.is_claimable()) {
            let lane = row.lane();
            changes
                .limits
                .wait(row.limit(), lane.queue, lane.action, Duration::ZERO);
        }
        for id in changes.releases.keys() {
            if let Some(fan_out) = self.fan_outs.get(id).filter(|it| !it.server) {
                let limit = fan_out.terms.limit;
                changes
                    .limits
                    .wait(limit, &fan_out.queue, &fan_out.action, Duration::ZERO);
            }
        }
        // Workers that hold items of theirs have lost them.
        for (run, _) in &changes.restarted {
            changes
                .limits
                .free(runs.get(run).and_then(|run| run.terms.limit));
        }
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
    /// Writes what stops, and notes the children that nobody waits for any more.
    async fn write_stopped(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (fan_outs, frames) = (&self.stopped_fan_outs, &mut self.frames);
        let orphans = stop::stop_fan_outs(connection, project, now, fan_outs, frames).await?;
        self.child_tasks.extend(orphans);
        let orphans = stop::stop_runs(connection, project, now, &self.stopped, frames).await?;
        self.child_tasks.extend(orphans);
        Ok(())
    }

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
