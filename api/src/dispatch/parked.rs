//! The parked claims of one project, grouped by equal filters.

use std::collections::{HashMap, HashSet, VecDeque};

use mobius_store::{
    hand_off::Lane,
    jobs::{ClaimFilter, ClaimSlot},
};
use mobius_types::UserId;
use tokio::{sync::oneshot, time::Instant};

use super::Offer;
use crate::ApiError;

/// A claim that waits for its answer.
pub(super) struct Waiter {
    pub(super) worker: String,
    pub(super) actor: UserId,
    pub(super) max_jobs: usize,
    /// Whether it waits on when a look found nothing.
    pub(super) is_patient: bool,
    pub(super) parked_at: Instant,
    pub(super) reply: oneshot::Sender<Result<Offer, ApiError>>,
}

impl Waiter {
    /// One job's worth of its room.
    pub(super) fn slot(&self) -> ClaimSlot {
        ClaimSlot {
            worker: self.worker.clone(),
            actor: self.actor,
        }
    }

    fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }
}

/// A claim that was taken off the list for jobs that are about to be made.
pub(super) struct Taken {
    pub(super) filter: ClaimFilter,
    pub(super) waiter: Waiter,
    /// Which of the jobs.
    pub(super) jobs: Vec<usize>,
}

impl Taken {
    fn has_room(&self) -> bool {
        self.jobs.len() < self.waiter.max_jobs
    }
}

/// Whether a filter lets the name through; an empty one takes any.
fn takes(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|taken| taken == name)
}

/// The claims that wait in one project.
#[derive(Default)]
pub(super) struct Parked {
    groups: HashMap<ClaimFilter, VecDeque<Waiter>>,
    /// The filters for which a look found nothing more, as long as nothing has rung since.
    quiet: HashSet<ClaimFilter>,
    /// The filters whose last look found that jobs with a limit may wait.
    limited: HashSet<ClaimFilter>,
    /// Whether a task is serving the project.
    is_served: bool,
    /// Whether a look is due: something may have become claimable since the last one began.
    is_rung: bool,
}

impl Parked {
    /// Adds a claim; returns whether a look is needed for its sake.
    ///
    /// None is needed when a look with the same filter was in vain: whatever became claimable since
    /// then has rung, or is found by the look of the next second.
    pub(super) fn add(&mut self, filter: ClaimFilter, waiter: Waiter) -> bool {
        let was_looked_for = waiter.is_patient && self.quiet.contains(&filter);
        self.groups.entry(filter).or_default().push_back(waiter);
        !was_looked_for
    }

    /// Takes claims off the list for jobs that are about to be made in these lanes, each of which it
    /// names by its place. Only claims for which nothing is waiting: no job overtakes another one.
    pub(super) fn take(&mut self, lanes: &[Lane<'_>]) -> Vec<Taken> {
        let mut all: Vec<Taken> = Vec::new();
        // Where among those taken the one stands that has room for more of a lane.
        let mut open: HashMap<Lane<'_>, usize> = HashMap::new();
        for (job, lane) in lanes.iter().enumerate() {
            let with_room = open.get(lane).copied();
            let place = with_room
                .filter(|place| all[*place].has_room())
                .or_else(|| {
                    all.push(self.take_for(*lane)?);
                    open.insert(*lane, all.len() - 1);
                    Some(all.len() - 1)
                });
            if let Some(place) = place {
                all[place].jobs.push(job);
            }
        }
        all
    }

    /// The claim that has waited longest for jobs of the lane.
    fn take_for(&mut self, lane: Lane<'_>) -> Option<Taken> {
        let quiet = &self.quiet;
        let waiting = self.groups.iter_mut().filter(|(filter, _)| {
            quiet.contains(*filter)
                && takes(&filter.queues, lane.queue)
                && takes(&filter.actions, lane.action)
        });
        let fronts = waiting.filter_map(|(filter, group)| {
            while group.front().is_some_and(Waiter::is_gone) {
                group.pop_front();
            }
            Some((group.front()?.parked_at, filter, group))
        });
        let (_, filter, group) = fronts.min_by_key(|(parked_at, ..)| *parked_at)?;
        Some(Taken {
            filter: filter.clone(),
            waiter: group.pop_front()?,
            jobs: Vec::new(),
        })
    }

    /// How many claims wait.
    pub(super) fn waiting(&self) -> usize {
        self.groups.values().map(VecDeque::len).sum()
    }

    /// Notes that a look with the filter found nothing more, unless something rang meanwhile.
    pub(super) fn found_nothing_more(&mut self, filter: &ClaimFilter) {
        if !self.is_rung {
            self.quiet.insert(filter.clone());
        }
    }

    /// Whether the next look with the filter has to look for jobs with a limit, too.
    pub(super) fn expects_limited(&self, filter: &ClaimFilter) -> bool {
        self.limited.contains(filter)
    }

    /// Notes whether a look with the filter has found that jobs with a limit may wait.
    pub(super) fn expect_limited(&mut self, filter: &ClaimFilter, expected: bool) {
        if expected {
            self.limited.insert(filter.clone());
        } else {
            self.limited.remove(filter);
        }
    }

    /// Notes that a look is due; returns whether a task has to be started for it.
    pub(super) fn ring(&mut self) -> bool {
        self.is_rung = true;
        self.quiet.clear();
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
        let groups = &self.groups;
        self.quiet.retain(|filter| groups.contains_key(filter));
        self.limited.retain(|filter| groups.contains_key(filter));
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
                parked_at: Instant::now(),
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
            parked.found_nothing_more(&filter);
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

    /// Claims that were looked for in vain.
    fn parked(claims: Vec<(ClaimFilter, Waiter)>) -> Parked {
        let mut parked = Parked::default();
        for (filter, waiter) in claims {
            parked.add(filter, waiter);
        }
        parked.ring();
        while let Some(round) = parked.begin_round() {
            for (filter, waiters) in round {
                parked.found_nothing_more(&filter);
                parked.put_back(filter, waiters);
            }
        }
        parked
    }

    const LANE: Lane<'static> = Lane {
        queue: "q",
        action: "a",
    };

    #[test]
    fn new_jobs_go_to_the_claims_that_have_waited_longest() {
        let (first, _first_offer) = waiter(true);
        let (second, _second_offer) = waiter(true);
        let since = first.parked_at;
        let mut parked = parked(vec![(other(), first), (any(), second)]);
        let taken = parked.take(&[LANE, LANE, LANE]);
        let jobs: Vec<_> = taken.iter().map(|taken| taken.jobs.clone()).collect();
        assert_eq!(jobs, [vec![0], vec![1]], "the third job has nobody");
        assert_eq!(taken[0].waiter.parked_at, since);
        assert!(!parked.has_waiters());
    }

    #[test]
    fn a_claim_for_several_jobs_takes_what_it_has_room_for() {
        let (mut many, _offer) = waiter(true);
        many.max_jobs = 2;
        let taken = parked(vec![(any(), many)]).take(&[LANE; 3]);
        assert_eq!(taken[0].jobs, [0, 1]);
        assert_eq!(taken.len(), 1);
    }

    #[test]
    fn no_new_job_overtakes_one_that_may_be_waiting() {
        let (claim, _offer) = waiter(true);
        let mut parked = parked(vec![(any(), claim)]);
        parked.ring();
        assert!(parked.take(&[LANE]).is_empty(), "a look is due");
        let round = parked.begin_round().unwrap();
        assert!(parked.take(&[LANE]).is_empty(), "a look is going on");
        for (filter, waiters) in round {
            parked.put_back(filter, waiters);
        }
        assert!(parked.take(&[LANE]).is_empty(), "the look left jobs behind");
    }

    #[test]
    fn a_new_job_goes_to_nobody_who_does_not_want_it_or_has_left() {
        let (claim, _offer) = waiter(true);
        let (gone, offer) = waiter(true);
        drop(offer);
        let mut parked = parked(vec![(other(), claim), (any(), gone)]);
        let foreign = Lane {
            queue: "another",
            ..LANE
        };
        assert!(parked.take(&[foreign]).is_empty());
        assert_eq!(parked.take(&[LANE]).len(), 1);
    }
}
