//! Claims jobs in the order of their priority, with limits and without.

use std::time::Duration;

use mobius_types::{JsonObject, ProjectId};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    Db, Error, Store, events,
    jobs::{self, ClaimFilter, ClaimRow, ClaimSlot, Claimed, LeaseTerms, Round},
};

/// How many limits of a lane one claim looks at, at least and at most.
const LIMITS: std::ops::RangeInclusive<usize> = 16..=64;

/// Claims at most one job for each slot. Jobs with limits come in where their priority and time put
/// them, as far as it is `expected` that there are any: a claim that finds out says so in
/// [`Claimed::limited`], and the caller passes it to the next one. Who expects none pays nothing.
///
/// Among limits that let jobs through the order holds for those that the claim looks at: at least
/// sixteen a lane, those first that no claim has looked at for longest.
///
/// # Errors
/// The database failed; then what the answer would have named is claimed for nobody, and its leases
/// end.
pub async fn claim_in_order(
    store: &Store,
    project: ProjectId,
    filter: &ClaimFilter,
    slots: &[ClaimSlot],
    expected: bool,
) -> Result<Claimed, Error> {
    let call = Call {
        project,
        filter: filter.clone(),
        terms: store.terms(),
    };
    let db = store.db();
    let mut claimed = match expected {
        true => call.clone().in_transaction(db, slots.to_vec()).await?,
        false => Claimed::default(),
    };
    if claimed.used() == slots.len() {
        claimed.limited = true;
        return Ok(claimed);
    }
    call.free(store, slots, &mut claimed).await?;
    if claimed.limited && !expected && claimed.used() < slots.len() {
        let rest = slots[claimed.used()..].to_vec();
        match call.in_transaction(db, rest).await {
            Ok(more) => claimed.add(more),
            Err(error) if claimed.jobs.is_empty() => return Err(error),
            // What was claimed before counts, and must be handed out.
            Err(_) => {}
        }
    }
    // Limits that this claim did not come to are for the next one, which is due at once.
    claimed.look_again |= claimed.limited && claimed.jobs.len() < slots.len();
    Ok(claimed)
}

impl Claimed {
    /// How many slots are used up: all to the last one that took a job. A claim leaves one out when
    /// the job that was meant for it had changed before it was locked; the next claim fills it.
    fn used(&self) -> usize {
        self.jobs.iter().map(|job| job.slot + 1).max().unwrap_or(0)
    }

    /// Adds what was claimed for the slots that were left.
    fn add(&mut self, more: Self) {
        let used = self.used();
        self.jobs.extend(more.jobs.into_iter().map(|mut job| {
            job.slot += used;
            job
        }));
        self.look_again |= more.look_again;
        self.opens_in = self.opens_in.into_iter().chain(more.opens_in).min();
    }
}

/// What all statements of a claim are about.
#[derive(Clone)]
struct Call {
    project: ProjectId,
    filter: ClaimFilter,
    terms: LeaseTerms,
}

impl Call {
    /// Claims jobs without limits for the slots that are left.
    async fn free(
        &self,
        store: &Store,
        slots: &[ClaimSlot],
        claimed: &mut Claimed,
    ) -> Result<(), Error> {
        let rest = slots[claimed.used()..].to_vec();
        let call = self.clone();
        let began = store.marks.of(self.project);
        let free = store.db().transact(move |connection| {
            Box::pin(async move {
                let means = (call.terms, &began);
                let claim = jobs::claim(connection, call.project, &call.filter, &rest, means);
                Ok((claim.await?, began))
            })
        });
        // What was claimed before counts, and must be handed out.
        let free = match free.await {
            Err(error) if claimed.jobs.is_empty() => return Err(error),
            Err(_) => Claimed {
                look_again: true,
                ..Claimed::default()
            },
            Ok(((free, marks), began)) => {
                store.marks.note(self.project, &began, marks);
                free
            }
        };
        claimed.limited = free.limited;
        claimed.add(free);
        Ok(())
    }

    /// Claims jobs with limits for the slots.
    async fn in_transaction(self, db: &Db, slots: Vec<ClaimSlot>) -> Result<Claimed, Error> {
        let claimed = db.transact(move |connection| {
            Box::pin(async move { self.limited(connection, &slots).await })
        });
        claimed.await
    }

    /// Claims jobs with limits in the transaction that the caller has begun: first it locks limits,
    /// then it counts what is held of them and claims, and then it writes what they let through next.
    async fn limited(
        &self,
        connection: &mut PgConnection,
        slots: &[ClaimSlot],
    ) -> Result<Claimed, Error> {
        let most = (slots.len() * 4).clamp(*LIMITS.start(), *LIMITS.end());
        let found = sqlx::query_file!(
            "src/limits/lock_open.sql",
            self.project.as_uuid(),
            &self.filter.queues,
            &self.filter.actions,
            i64::try_from(most).unwrap_or(i64::MAX),
        )
        .fetch_one(&mut *connection)
        .await?;
        let mut claimed = Claimed::default();
        if !found.locked.is_empty() {
            let round = self.claim(connection, slots, &found.locked).await?;
            claimed = round.claimed;
            claimed.opens_in = self.close(connection, &found.locked, &claimed).await?;
            events::append(connection, self.project, round.now, round.frames).await?;
        }
        claimed.look_again |= found.skipped;
        Ok(claimed)
    }

    async fn claim(
        &self,
        connection: &mut PgConnection,
        slots: &[ClaimSlot],
        limits: &[Uuid],
    ) -> Result<Round, Error> {
        let workers: Vec<&str> = slots.iter().map(|slot| slot.worker.as_str()).collect();
        let actors: Vec<Uuid> = slots.iter().map(|slot| slot.actor.as_uuid()).collect();
        let rows = sqlx::query_file_as!(
            ClaimRow,
            "src/limits/claim.sql",
            self.project.as_uuid(),
            &self.filter.queues,
            &self.filter.actions,
            &workers as _,
            &actors,
            self.terms.lease.as_secs_f64(),
            limits,
        )
        .fetch_all(connection)
        .await?;
        Round::of(rows, slots)
    }

    async fn close(
        &self,
        connection: &mut PgConnection,
        limits: &[Uuid],
        claimed: &Claimed,
    ) -> Result<Option<Duration>, Error> {
        let jobs: Vec<Uuid> = claimed.jobs.iter().map(|job| job.id.as_uuid()).collect();
        let opens_in = sqlx::query_file_scalar!(
            "src/limits/close.sql",
            self.project.as_uuid(),
            limits,
            &jobs,
        )
        .fetch_one(connection)
        .await?;
        Ok(opens_in.map(|us| Duration::from_micros(us.unsigned_abs())))
    }
}

#[cfg(test)]
mod tests {
    use mobius_types::{JobId, RunId};

    use super::*;
    use crate::jobs::ClaimedJob;

    fn claimed(slots: &[usize]) -> Claimed {
        let job = |slot: &usize| ClaimedJob {
            slot: *slot,
            id: JobId::generate(),
            run: RunId::generate(),
            workflow_handle: String::new(),
            step_name: String::new(),
            action: String::new(),
            queue: String::new(),
            parameters: JsonObject::new(),
            attempt: 1,
            timeout: None,
        };
        Claimed {
            jobs: slots.iter().map(job).collect(),
            ..Claimed::default()
        }
    }

    #[test]
    fn no_slot_takes_two_jobs_when_one_before_it_was_left_out() {
        let mut all = claimed(&[0, 2]);
        assert_eq!(all.used(), 3);
        all.add(claimed(&[1, 3]));
        all.add(claimed(&[]));
        let slots: Vec<usize> = all.jobs.iter().map(|job| job.slot).collect();
        assert_eq!(slots, [0, 2, 4, 6]);
        assert_eq!(all.used(), 7);
        assert_eq!(claimed(&[]).used(), 0);
    }
}
