//! The parked claims of one project, grouped by equal filters.

use std::collections::{HashMap, VecDeque};

use mobius_store::jobs::ClaimFilter;
use mobius_types::UserId;
use tokio::sync::oneshot;

use super::Offer;
use crate::ApiError;

/// A claim that waits for its answer.
pub(super) struct Waiter {
    pub(super) worker: String,
    pub(super) actor: UserId,
    pub(super) max_jobs: usize,
    /// Whether it waits on when a look found nothing.
    pub(super) is_patient: bool,
    pub(super) reply: oneshot::Sender<Result<Offer, ApiError>>,
}

impl Waiter {
    fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }
}

/// The claims that wait in one project.
#[derive(Default)]
pub(super) struct Parked {
    groups: HashMap<ClaimFilter, VecDeque<Waiter>>,
    /// Whether a task is serving the project.
    is_served: bool,
    /// Whether a look is due: something may have become claimable since the last one began.
    is_rung: bool,
}

impl Parked {
    /// Adds a claim; returns whether a look is needed for its sake.
    ///
    /// None is needed beside a claim with the same filter that was looked for in vain: whatever
    /// became claimable since then has rung, or is found by the look of the next second.
    pub(super) fn add(&mut self, filter: ClaimFilter, waiter: Waiter) -> bool {
        let group = self.groups.entry(filter).or_default();
        let was_looked_for = !self.is_served
            && !self.is_rung
            && waiter.is_patient
            && group.iter().any(|other| !other.is_gone());
        group.push_back(waiter);
        !was_looked_for
    }

    /// Notes that a look is due; returns whether a task has to be started for it.
    pub(super) fn ring(&mut self) -> bool {
        self.is_rung = true;
        let starts = !self.is_served && self.has_waiters();
        self.is_served |= starts;
        starts
    }

    /// Takes all claims for a look, or ends the serving when no look is due.
    pub(super) fn begin_round(&mut self) -> Option<Vec<(ClaimFilter, VecDeque<Waiter>)>> {
        if !self.is_rung || !self.has_waiters() {
            self.is_rung = false;
            self.is_served = false;
            return None;
        }
        self.is_rung = false;
        Some(self.groups.drain().collect())
    }

    /// Notes that the task that served the project is gone.
    pub(super) fn abandon(&mut self) {
        self.is_served = false;
    }

    /// Puts claims back that the look left empty-handed, before those that came meanwhile.
    pub(super) fn put_back(&mut self, filter: ClaimFilter, mut waiters: VecDeque<Waiter>) {
        if waiters.is_empty() {
            return;
        }
        let group = self.groups.entry(filter).or_default();
        waiters.append(group);
        *group = waiters;
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.groups.values().any(|group| !group.is_empty())
    }

    /// Drops claims whose client is gone; returns whether the project must be kept.
    pub(super) fn tidy(&mut self) -> bool {
        for group in self.groups.values_mut() {
            group.retain(|waiter| !waiter.is_gone());
        }
        self.groups.retain(|_, group| !group.is_empty());
        self.is_served || !self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reply = oneshot::Receiver<Result<Offer, ApiError>>;

    fn waiter(is_patient: bool) -> (Waiter, Reply) {
        let (reply, offer) = oneshot::channel();
        let actor = UserId::generate();
        (
            Waiter {
                worker: "w".to_owned(),
                actor,
                max_jobs: 1,
                is_patient,
                reply,
            },
            offer,
        )
    }

    fn any() -> ClaimFilter {
        ClaimFilter {
            queues: Vec::new(),
            actions: Vec::new(),
        }
    }

    fn other() -> ClaimFilter {
        ClaimFilter {
            queues: vec!["q".to_owned()],
            actions: Vec::new(),
        }
    }

    #[test]
    fn a_ring_during_a_round_makes_another_round() {
        let mut parked = Parked::default();
        let (first, _offer) = waiter(true);
        assert!(parked.add(any(), first));
        assert!(parked.ring(), "the first ring starts the serving");
        let round = parked.begin_round().unwrap();
        assert!(!parked.ring(), "the serving task is there already");
        for (filter, waiters) in round {
            parked.put_back(filter, waiters);
        }
        assert!(
            parked.begin_round().is_some(),
            "what rang during the round is looked for"
        );
        assert!(parked.begin_round().is_none());
    }

    #[test]
    fn a_ring_without_claims_is_not_lost_for_the_next_one() {
        let mut parked = Parked::default();
        assert!(!parked.ring());
        let (claim, _offer) = waiter(true);
        assert!(
            parked.add(any(), claim),
            "a first claim is always looked for"
        );
    }

    #[test]
    fn a_claim_beside_one_that_was_looked_for_in_vain_needs_no_look() {
        let mut parked = Parked::default();
        let (first, _first_offer) = waiter(true);
        parked.add(any(), first);
        parked.ring();
        for (filter, waiters) in parked.begin_round().unwrap() {
            parked.put_back(filter, waiters);
        }
        assert!(parked.begin_round().is_none());
        let (second, _second_offer) = waiter(true);
        assert!(!parked.add(any(), second));
        let (impatient, _impatient_offer) = waiter(false);
        assert!(parked.add(any(), impatient), "it wants its answer now");
        let (third, _third_offer) = waiter(true);
        assert!(parked.add(other(), third), "nobody looked with this filter");
    }

    #[test]
    fn a_claim_whose_client_left_vouches_for_nothing() {
        let mut parked = Parked::default();
        let (first, offer) = waiter(true);
        parked.add(any(), first);
        parked.ring();
        for (filter, waiters) in parked.begin_round().unwrap() {
            parked.put_back(filter, waiters);
        }
        parked.begin_round();
        drop(offer);
        let (second, _second_offer) = waiter(true);
        assert!(parked.add(any(), second));
        assert!(parked.tidy());
    }
}
