//! What a batch means for limits: new ones, jobs that are held no more, and jobs that begin to wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mobius_types::{ProjectId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{LimitId, NewLimit, terms::LimitTerms};
use crate::Error;

/// Collected in memory until all of it is written.
#[derive(Default)]
pub(crate) struct LimitChanges {
    named: BTreeMap<LimitId, NewLimit>,
    freed: BTreeSet<LimitId>,
    /// After how much time the first job of each lane is due.
    waiting: BTreeMap<(LimitId, String, String), Duration>,
}

impl LimitChanges {
    /// A run has begun that names the limit. Of several the newest decides.
    pub(crate) fn name(&mut self, new: &NewLimit) {
        let known = self.named.entry(new.id).or_insert_with(|| new.clone());
        if new.terms.is_some() {
            known.terms = new.terms;
        }
    }

    /// A job of the limit is held no more.
    pub(crate) fn free(&mut self, limit: Option<LimitId>) {
        self.freed.extend(limit);
    }

    /// A job of the limit waits, and is due after the delay.
    pub(crate) fn wait(
        &mut self,
        limit: Option<LimitId>,
        queue: &str,
        action: &str,
        delay: Duration,
    ) {
        let Some(limit) = limit else { return };
        let lane = (limit, queue.to_owned(), action.to_owned());
        let least = self.waiting.entry(lane).or_insert(delay);
        *least = delay.min(*least);
    }

    /// Writes it, right before the project's counter: claims hold limits when they wait for that one.
    /// Returns whether there may be something to claim that there was not before.
    pub(crate) async fn write(
        mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if self.named.is_empty() && self.freed.is_empty() && self.waiting.is_empty() {
            return Ok(false);
        }
        let named: Vec<&NewLimit> = self.named.values().collect();
        insert(connection, project, now, &named).await?;
        let waiting = self.waiting.keys().map(|(limit, ..)| *limit);
        let named_ids = self.named.keys().copied();
        let ids: BTreeSet<Uuid> = waiting
            .chain(named_ids)
            .chain(self.freed.iter().copied())
            .collect();
        lock(connection, project, &ids.into_iter().collect::<Vec<_>>()).await?;
        let changed = update(connection, project, now, &named).await?;
        self.freed.extend(changed);
        self.open(connection, project, now).await
    }

    async fn open(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let freed: Vec<Uuid> = self.freed.iter().copied().collect();
        let limits: Vec<Uuid> = self.waiting.keys().map(|(limit, ..)| *limit).collect();
        let queues: Vec<&str> = self.waiting.keys().map(|(_, it, _)| it.as_str()).collect();
        let actions: Vec<&str> = self.waiting.keys().map(|(.., it)| it.as_str()).collect();
        let delays: Vec<f64> = self.waiting.values().map(Duration::as_secs_f64).collect();
        let opened = sqlx::query_file_scalar!(
            "src/limits/open.sql",
            project.as_uuid(),
            now,
            &freed,
            &limits,
            &queues as _,
            &actions as _,
            &delays,
        )
        .fetch_one(connection)
        .await?;
        Ok(opened > 0)
    }
}

/// Makes the limits that are not there yet, in order, so that two transactions can't deadlock.
async fn insert(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    named: &[&NewLimit],
) -> Result<(), Error> {
    if named.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = named.iter().map(|limit| limit.id).collect();
    let kinds: Vec<&str> = named.iter().map(|limit| limit.kind).collect();
    let keys: Vec<&str> = named.iter().map(|limit| limit.key.as_str()).collect();
    sqlx::query!(
        "insert into job_limits (project_id, id, kind, key, updated_at)
         select $1, new.id, new.kind, new.key, $2
         from unnest($3::uuid[], $4::text[], $5::text[]) as new (id, kind, key)
         where not exists (
             select from job_limits l where l.project_id = $1 and l.id = new.id)
         order by new.id
         on conflict do nothing",
        project.as_uuid(),
        now,
        &ids,
        &kinds as _,
        &keys as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks the limits in order. Claims pass over those that are held, and the bell rings after the
/// commit.
pub(super) async fn lock(
    connection: &mut PgConnection,
    project: ProjectId,
    ids: &[Uuid],
) -> Result<(), Error> {
    sqlx::query!(
        "select from job_limits where project_id = $1 and id = any($2) order by id for update",
        project.as_uuid(),
        ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what the limits are from now on; returns those that were something else.
async fn update(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    named: &[&NewLimit],
) -> Result<Vec<Uuid>, Error> {
    let named = named
        .iter()
        .filter_map(|limit| Some((limit.id, limit.terms?)));
    let (ids, terms): (Vec<Uuid>, Vec<LimitTerms>) = named.unzip();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rates: Vec<_> = terms.iter().map(|terms| terms.rate).collect();
    let concurrency: Vec<Option<i32>> = terms.iter().map(|terms| terms.max_concurrency).collect();
    let limits: Vec<Option<i32>> = rates.iter().map(|rate| Some((*rate)?.limit)).collect();
    let seconds: Vec<Option<i32>> = rates
        .iter()
        .map(|rate| Some((*rate)?.per_seconds))
        .collect();
    let bursts: Vec<Option<i32>> = rates.iter().map(|rate| Some((*rate)?.burst)).collect();
    let intervals: Vec<Option<i64>> = rates
        .iter()
        .map(|rate| Some((*rate)?.interval_us))
        .collect();
    let changed = sqlx::query_scalar!(
        "update job_limits l
         set max_concurrency = new.max_concurrency,
             rate_limit = new.rate_limit,
             rate_per_seconds = new.rate_per_seconds,
             rate_burst = new.burst,
             rate_interval_us = new.interval_us,
             -- What was claimed at another rate is owed as long as this one lets nothing through after a
             -- burst, and no longer; the same rate goes on as it is.
             rate_next_at = case
                 when (l.rate_limit, l.rate_per_seconds)
                      is not distinct from (new.rate_limit, new.rate_per_seconds)
                     then l.rate_next_at
                 when l.rate_next_at is not null then least(
                     l.rate_next_at,
                     $2::timestamptz
                         + new.interval_us * new.burst * interval '1 microsecond') end,
             updated_at = $2
         from unnest($3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[], $8::bigint[])
              as new (id, max_concurrency, rate_limit, rate_per_seconds, burst, interval_us)
         where l.project_id = $1 and l.id = new.id and l.id = any($3)
           and (l.max_concurrency, l.rate_limit, l.rate_per_seconds)
               is distinct from (new.max_concurrency, new.rate_limit, new.rate_per_seconds)
         returning l.id",
        project.as_uuid(),
        now,
        &ids,
        &concurrency as _,
        &limits as _,
        &seconds as _,
        &bursts as _,
        &intervals as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(changed)
}
