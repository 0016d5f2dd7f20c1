//! Alarms: wake the dispatcher for jobs that become claimable at a known time.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mobius_types::ProjectId;
use tokio::{sync::Notify, time::Instant};

/// Alarms are kept this far ahead; what is due later is found by the look of every second.
const HORIZON: Duration = Duration::from_secs(60);

/// Alarms within this span go off together.
const GRAIN_MS: u128 = 5;

/// Alarms by the time at which they go off, counted in grains since the start.
pub(super) struct Alarms {
    start: Instant,
    set: Mutex<BTreeMap<u128, HashSet<ProjectId>>>,
    changed: Notify,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            set: Mutex::default(),
            changed: Notify::new(),
        }
    }
}

impl Alarms {
    /// Sets an alarm. One that goes off earlier than all others is noticed at once.
    pub(super) fn set(&self, project: ProjectId, at: Instant) {
        if at > Instant::now() + HORIZON {
            return;
        }
        let grain = at.duration_since(self.start).as_millis().div_ceil(GRAIN_MS);
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.entry(grain).or_default().insert(project);
        self.changed.notify_one();
    }

    /// Calls `wake` for each alarm that goes off.
    pub(super) async fn run(&self, wake: impl Fn(ProjectId)) {
        loop {
            let next = self
                .set
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keys()
                .next()
                .copied();
            match next {
                None => self.changed.notified().await,
                Some(grain) => {
                    let at = self.start + millis(grain * GRAIN_MS);
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => self.due(grain).into_iter().for_each(&wake),
                        () = self.changed.notified() => {}
                    }
                }
            }
        }
    }

    fn due(&self, grain: u128) -> HashSet<ProjectId> {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&grain)
            .unwrap_or_default()
    }
}

fn millis(count: u128) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_earlier_alarm_goes_off_before_the_one_that_is_waited_for() {
        let alarms = Arc::new(Alarms::default());
        let (sender, mut woken) = mpsc::unbounded_channel();
        let running = Arc::clone(&alarms);
        tokio::spawn(async move { running.run(|project| sender.send(project).unwrap()).await });
        let (late, early) = (ProjectId::generate(), ProjectId::generate());
        let now = Instant::now();
        alarms.set(late, now + Duration::from_secs(10));
        tokio::task::yield_now().await;
        alarms.set(early, now + Duration::from_secs(1));
        assert_eq!(woken.recv().await, Some(early));
        assert!(now.elapsed() >= Duration::from_secs(1));
        assert!(now.elapsed() < Duration::from_secs(2));
        assert_eq!(woken.recv().await, Some(late));
        assert!(now.elapsed() >= Duration::from_secs(10));
    }
}
