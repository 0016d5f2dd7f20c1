//! Rounds: looks that claim for all waiting polls of a project.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use mobius_store::{
    gather,
    jobs::{ClaimFilter, ClaimSlot, Claimed, ClaimedJob, Fence},
    limits::claim_in_order,
};
use mobius_types::ProjectId;

use super::{
    Dispatcher, Offer,
    parked::{Parked, Waiter},
};
use crate::ApiError;

/// The most jobs that one statement claims.
const SLOTS: usize = 200;

/// How long a run that another transaction held is given to become free.
const HELD_RUN: Duration = Duration::from_millis(2);

/// What a round did for a group.
#[derive(Default)]
struct Served {
    /// The claims that wait on.
    rest: VecDeque<Waiter>,
    /// Whether no job is left for them.
    is_exhausted: bool,
    handed_out: usize,
}

impl Dispatcher {
    /// Serves the project until no look is due any more. After a panic, which would be a mistake
    /// of ours, the next ring or look starts anew.
    pub(super) async fn serve(self: Arc<Self>, project: ProjectId) {
        let rounds = tokio::spawn(Arc::clone(&self).serve_rounds(project));
        if rounds.await.is_err()
            && let Some(parked) = self.lock().get_mut(&project)
        {
            parked.abandon();
        }
    }

    async fn serve_rounds(self: Arc<Self>, project: ProjectId) {
        while let Some(groups) = self.begin_round(project) {
            let mut handed_out = 0;
            for (filter, waiters) in groups {
                let served = self.serve_group(project, &filter, waiters).await;
                handed_out += served.handed_out;
                let mut projects = self.lock();
                let parked = projects.entry(project).or_default();
                if served.is_exhausted {
                    parked.found_nothing_more(&filter);
                }
                parked.put_back(filter, served.rest);
            }
            gather(handed_out, || self.waiting(project)).await;
        }
    }

    /// How many claims of the project wait to be looked for.
    fn waiting(&self, project: ProjectId) -> usize {
        self.lock().get(&project).map_or(0, Parked::waiting)
    }

    fn begin_round(&self, project: ProjectId) -> Option<Vec<(ClaimFilter, VecDeque<Waiter>)>> {
        self.lock().get_mut(&project)?.begin_round()
    }

    /// Claims for the group until the jobs or the claims run out.
    async fn serve_group(
        self: &Arc<Self>,
        project: ProjectId,
        filter: &ClaimFilter,
        mut waiters: VecDeque<Waiter>,
    ) -> Served {
        let mut empty_handed = VecDeque::new();
        let mut served = Served::default();
        loop {
            waiters.retain(|waiter| !waiter.reply.is_closed());
            let (slots, takers) = slots(&waiters);
            if slots.is_empty() {
                break;
            }
            let claimed = match self.claim_slots(project, filter, &slots).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    waiters.append(&mut empty_handed);
                    answer_all(waiters, &error);
                    return served;
                }
            };
            let may_have_more = claimed.jobs.len() == slots.len();
            let looks_again = claimed.look_again;
            if looks_again {
                self.alarms
                    .set(project, tokio::time::Instant::now() + HELD_RUN);
            }
            let round: VecDeque<Waiter> = waiters.drain(..takers).collect();
            served.handed_out += claimed.jobs.len();
            empty_handed.extend(self.hand_out(project, round, claimed.jobs));
            if !may_have_more {
                served.is_exhausted = !looks_again;
                break;
            }
        }
        empty_handed.append(&mut waiters);
        served.rest = empty_handed
            .into_iter()
            .filter_map(|waiter| {
                if waiter.is_patient {
                    return Some(waiter);
                }
                let _ = waiter.reply.send(Ok(Offer::empty()));
                None
            })
            .collect();
        served
    }

    async fn claim_slots(
        &self,
        project: ProjectId,
        filter: &ClaimFilter,
        slots: &[ClaimSlot],
    ) -> Result<Claimed, ApiError> {
        let expected = self.expects_limited(project, filter);
        let claimed = claim_in_order(&self.store, project, filter, slots, expected).await?;
        if claimed.limited != expected {
            let mut projects = self.lock();
            let parked = projects.entry(project).or_default();
            parked.expect_limited(filter, claimed.limited);
        }
        if let Some(opens_in) = claimed.opens_in {
            self.openings
                .set(project, tokio::time::Instant::now() + opens_in);
        }
        if !claimed.jobs.is_empty() {
            // Each claim stands in the history of its run.
            self.store.doorbell().ring_events(project);
        }
        Ok(claimed)
    }

    /// Whether jobs with a limit were there when a claim with the filter was last made.
    fn expects_limited(&self, project: ProjectId, filter: &ClaimFilter) -> bool {
        let projects = self.lock();
        let parked = projects.get(&project);
        parked.is_some_and(|parked| parked.expects_limited(filter))
    }

    /// Answers the claims that got something; returns the others.
    fn hand_out(
        &self,
        project: ProjectId,
        waiters: VecDeque<Waiter>,
        jobs: Vec<ClaimedJob>,
    ) -> Vec<Waiter> {
        let mut shares: Vec<Vec<ClaimedJob>> = waiters.iter().map(|_| Vec::new()).collect();
        for job in jobs {
            shares[taker(job.slot, &waiters)].push(job);
        }
        let shared = waiters.into_iter().zip(shares);
        shared
            .filter_map(|(waiter, share)| self.answer(project, waiter, share))
            .collect()
    }

    /// Answers a claim with its jobs; gives it back when it has none. An answer that can't be
    /// delivered any more is dropped, and with it the claim of its jobs.
    pub(super) fn answer(
        &self,
        project: ProjectId,
        waiter: Waiter,
        share: Vec<ClaimedJob>,
    ) -> Option<Waiter> {
        if share.is_empty() {
            return Some(waiter);
        }
        let fence = |job: &ClaimedJob| Fence {
            job: job.id,
            worker: waiter.worker.clone(),
            attempt: job.attempt,
            actor: waiter.actor,
        };
        let fences = share.iter().map(fence).collect();
        let offer = Offer::new(Arc::clone(&self.store), project, share, fences);
        let _ = waiter.reply.send(Ok(offer));
        None
    }
}

/// The room of the first claims, at most [`SLOTS`] jobs, and how many claims that is.
fn slots(waiters: &VecDeque<Waiter>) -> (Vec<ClaimSlot>, usize) {
    let mut slots = Vec::new();
    let mut takers = 0;
    for waiter in waiters {
        let room = waiter.max_jobs.min(SLOTS - slots.len());
        if room == 0 {
            break;
        }
        slots.extend(std::iter::repeat_n(waiter.slot(), room));
        takers += 1;
    }
    (slots, takers)
}

/// Whose slot it is: the claims' slots stand one after the other.
fn taker(slot: usize, waiters: &VecDeque<Waiter>) -> usize {
    let mut end = 0;
    waiters
        .iter()
        .position(|waiter| {
            end += waiter.max_jobs;
            slot < end
        })
        .expect("every slot was made for one of the claims")
}

fn answer_all(waiters: VecDeque<Waiter>, error: &ApiError) {
    for waiter in waiters {
        let _ = waiter.reply.send(Err(error.clone()));
    }
}
