//! Signals: stored first, then matched; each is consumed exactly once.
//!
//! They are written under the lock of their run, together with the state that consumes them or
//! knows that they are there, so a signal and a wait can't miss each other.

use mobius_engine::{JobRef, Signal};
use mobius_types::{JsonObject, ProjectId, RunId, SignalId, Timestamp};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::Error;

/// What a batch makes of its runs' signals.
#[derive(Default)]
pub(crate) struct SignalChanges {
    received: Vec<Received>,
    /// Signals of earlier transactions.
    consumed: Vec<(RunId, SignalId, JobRef)>,
}

/// A signal that is about to be stored.
struct Received {
    run: RunId,
    signal: Signal,
    consumed_by: Option<JobRef>,
}

impl SignalChanges {
    /// The run accepted a signal.
    pub(crate) fn receive(&mut self, run: RunId, signal: Signal) {
        self.received.push(Received {
            run,
            signal,
            consumed_by: None,
        });
    }

    /// A step execution consumed a signal.
    pub(crate) fn consume(&mut self, run: RunId, id: SignalId, by: JobRef) {
        let new = self.received.iter_mut().find(|new| new.signal.id == id);
        match new {
            Some(new) => new.consumed_by = Some(by),
            None => self.consumed.push((run, id, by)),
        }
    }

    /// Writes all of it.
    pub(crate) async fn write(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.insert_received(connection, project, now).await?;
        self.mark_consumed(connection, project, now).await
    }

    async fn insert_received(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.received.is_empty() {
            return Ok(());
        }
        let new = &self.received;
        let runs: Vec<Uuid> = new.iter().map(|new| new.run.as_uuid()).collect();
        let ids: Vec<Uuid> = new.iter().map(|new| new.signal.id.as_uuid()).collect();
        let names: Vec<&str> = new.iter().map(|new| new.signal.name.as_str()).collect();
        let payloads: Vec<Json<&JsonObject>> =
            new.iter().map(|new| Json(&new.signal.payload)).collect();
        let consumers = new.iter().map(|new| new.consumed_by.as_ref());
        let branches: Vec<Option<&str>> = consumers
            .clone()
            .map(|by| by.map(|by| by.branch.as_str()))
            .collect();
        let visits: Vec<Option<i32>> = consumers.map(|by| by.map(|by| by.visit)).collect();
        sqlx::query!(
            "insert into signals
                 (project_id, run_id, id, name, payload, created_at,
                  consumed_at, consumed_branch, consumed_visit)
             select $1, run_id, id, name, payload, $2::timestamptz,
                    case when visit is not null then $2::timestamptz end, branch, visit
             from unnest($3::uuid[], $4::uuid[], $5::text[], $6::jsonb[], $7::text[], $8::int[])
                  with ordinality as new (run_id, id, name, payload, branch, visit, place)
             -- Their numbers are given out in this order.
             order by place",
            project.as_uuid(),
            now,
            &runs,
            &ids,
            &names as _,
            &payloads as _,
            &branches as _,
            &visits as _,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn mark_consumed(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.consumed.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uuid> = self
            .consumed
            .iter()
            .map(|(run, ..)| run.as_uuid())
            .collect();
        let ids: Vec<Uuid> = self
            .consumed
            .iter()
            .map(|(_, id, _)| id.as_uuid())
            .collect();
        let by = self.consumed.iter().map(|(.., by)| by);
        let (branches, visits): (Vec<&str>, Vec<i32>) =
            by.map(|by| (by.branch.as_str(), by.visit)).unzip();
        let done = sqlx::query!(
            "update signals s
             set consumed_at = $2, consumed_branch = by.branch, consumed_visit = by.visit
             from unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[])
                  as by (run_id, id, branch, visit)
             where s.project_id = $1 and s.run_id = by.run_id and s.id = by.id
               and s.run_id = any($3) and s.id = any($4) and s.consumed_at is null",
            project.as_uuid(),
            now,
            &runs,
            &ids,
            &branches as _,
            &visits,
        )
        .execute(connection)
        .await?;
        if done.rows_affected() == self.consumed.len() as u64 {
            Ok(())
        } else {
            // Their runs are locked by this transaction, so this is a mistake of ours.
            Err(Error::Corrupt("a signal was consumed before".to_owned()))
        }
    }
}
