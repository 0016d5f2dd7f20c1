//! Gives parked claims jobs in the transaction that makes them.

use std::sync::Arc;

use mobius_store::{
    hand_off::{Lane, Reservation},
    jobs::ClaimedJob,
};
use mobius_types::ProjectId;

use super::{Dispatcher, parked::Taken};

impl Dispatcher {
    /// Takes parked claims off the list, one for each job as far as there are any. They are answered
    /// when the transaction has been committed, and parked again otherwise.
    pub(super) fn reserve(
        self: &Arc<Self>,
        project: ProjectId,
        lanes: &[Lane<'_>],
    ) -> Option<Reservation> {
        let taken = self.lock().get_mut(&project)?.take(lanes);
        if taken.is_empty() {
            return None;
        }
        let mut slots = vec![None; lanes.len()];
        for Taken { waiter, jobs, .. } in &taken {
            for job in jobs {
                slots[*job] = Some(waiter.slot());
            }
        }
        let dispatcher = Arc::clone(self);
        Some(Reservation {
            slots,
            settle: Box::new(move |jobs| dispatcher.settle(project, taken, jobs)),
        })
    }

    /// Answers the claims with their jobs; those that have none wait on.
    fn settle(self: &Arc<Self>, project: ProjectId, taken: Vec<Taken>, jobs: Vec<ClaimedJob>) {
        let places = taken.iter().flat_map(|taken| &taken.jobs);
        let count = places.max().map_or(0, |last| last + 1);
        let mut by_place: Vec<Option<ClaimedJob>> = (0..count).map(|_| None).collect();
        for job in jobs {
            let place = job.slot;
            by_place[place] = Some(job);
        }
        let mut waits_on = false;
        for Taken {
            filter,
            waiter,
            jobs,
        } in taken
        {
            let share = jobs.into_iter().filter_map(|place| by_place[place].take());
            if let Some(waiter) = self.answer(project, waiter, share.collect()) {
                let mut projects = self.lock();
                let parked = projects.entry(project).or_default();
                parked.put_back(filter, [waiter].into());
                waits_on = true;
            }
        }
        if waits_on {
            // A ring may have been missed meanwhile.
            self.wake(project);
        }
    }
}
