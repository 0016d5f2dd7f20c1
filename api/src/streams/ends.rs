//! Who waits for the ends of runs. To come and to go costs the same however many wait, because
//! whoever waits can keep the streams of the project from their frames meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mobius_types::RunId;
use tokio::sync::oneshot;

/// Those who wait, each under a number of their own.
#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    of_runs: HashMap<RunId, HashMap<u64, oneshot::Sender<()>>>,
}

/// Those who wait for the ends of a project's runs.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<Waiters>);

/// A place among those who wait. It is given up when this is dropped.
#[derive(Debug)]
pub(super) struct End {
    ends: Arc<Ends>,
    run: RunId,
    number: u64,
    told: oneshot::Receiver<()>,
}

impl Ends {
    /// Waits from now on.
    pub(super) fn of(self: &Arc<Self>, run: RunId) -> End {
        let (waiter, told) = oneshot::channel();
        let mut waiters = self.lock();
        let number = waiters.next;
        waiters.next += 1;
        let of_run = waiters.of_runs.entry(run).or_default();
        of_run.insert(number, waiter);
        End {
            ends: Arc::clone(self),
            run,
            number,
            told,
        }
    }

    /// Tells those who wait for these runs.
    pub(super) fn tell(&self, ended: impl Iterator<Item = RunId>) {
        let mut waiters = self.lock();
        for run in ended {
            for (_, waiter) in waiters.of_runs.remove(&run).into_iter().flatten() {
                // It may be on its way out.
                let _ = waiter.send(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    /// Resolves when a frame says that the run has ended.
    pub(super) async fn told(mut self) {
        // It can't fail: what we wait with is kept until it was told, or this is dropped.
        let _ = (&mut self.told).await;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut waiters = self.ends.lock();
        if let Some(of_run) = waiters.of_runs.get_mut(&self.run) {
            of_run.remove(&self.number);
            if of_run.is_empty() {
                waiters.of_runs.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn whoever_stops_waiting_leaves_nothing_behind() {
        let ends = Arc::new(Ends::default());
        let (run, other) = (RunId::generate(), RunId::generate());
        let waiting: Vec<End> = (0..10).map(|_| ends.of(run)).collect();
        let last = ends.of(other);
        drop(waiting);
        assert_eq!(ends.lock().of_runs.len(), 1);
        drop(last);
        assert!(ends.lock().of_runs.is_empty());
    }

    #[test]
    fn those_of_the_run_are_told_and_no_others() {
        let ends = Arc::new(Ends::default());
        let (run, other) = (RunId::generate(), RunId::generate());
        let (first, second, third) = (ends.of(run), ends.of(run), ends.of(other));
        ends.tell([run].into_iter());
        // One who comes after the end waits for the next, and who was told takes nothing from it.
        let late = ends.of(run);
        assert_eq!(first.told().now_or_never(), Some(()));
        assert_eq!(second.told().now_or_never(), Some(()));
        assert_eq!(third.told().now_or_never(), None);
        assert_eq!(ends.lock().of_runs.len(), 1);
        assert_eq!(late.told().now_or_never(), None);
    }
}
