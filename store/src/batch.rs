//! Natural batching: what arrives while a transaction is in flight shares the next one.
//!
//! A lone item is processed at once, so batching costs no latency; under load the commit and the
//! round trips are shared, among more items the greater the load (`gather.rs`). Each project has a lane of its own, so that none waits for another.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use mobius_types::ProjectId;
use tokio::sync::oneshot;

use crate::{Error, gather};

/// What becomes of each item of a batch, in order.
pub(crate) type Outcomes<O> = Vec<Result<O, Error>>;

type Process<I, O> = Arc<
    dyn Fn(ProjectId, Arc<Vec<I>>) -> BoxFuture<'static, Result<Outcomes<O>, Error>> + Send + Sync,
>;

/// A batch that would carry more bytes is cut, so that large results do not add up to a
/// transaction that nobody can hold in memory. One item may be larger than that by itself.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How often a batch that lost against a concurrent transaction is tried again.
const RACES: u32 = 2;

struct Waiting<I, O> {
    item: I,
    /// About how many bytes the item carries.
    weight: usize,
    reply: oneshot::Sender<Result<O, Error>>,
}

/// Collects items by project and processes them in batches, one batch of a project at a time.
pub(crate) struct Batcher<I, O> {
    process: Process<I, O>,
    max_items: usize,
    weigh: fn(&I) -> usize,
    /// A lane exists while a task works on it.
    lanes: Mutex<HashMap<ProjectId, Vec<Waiting<I, O>>>>,
}

impl<I: Send + Sync + 'static, O: Send + 'static> Batcher<I, O> {
    /// `process` returns one outcome an item, or fails as a whole without any effect. `weigh` says
    /// about how many bytes an item carries.
    pub(crate) fn new<F>(max_items: usize, weigh: fn(&I) -> usize, process: F) -> Arc<Self>
    where
        F: Fn(ProjectId, Arc<Vec<I>>) -> BoxFuture<'static, Result<Outcomes<O>, Error>>
            + Send
            + Sync
            + 'static,
    {
        Arc::new(Self {
            process: Arc::new(process),
            max_items,
            weigh,
            lanes: Mutex::default(),
        })
    }

    /// Adds an item and waits for its outcome. The item is processed even if the caller goes away.
    pub(crate) async fn submit(self: &Arc<Self>, project: ProjectId, item: I) -> Result<O, Error> {
        let (reply, outcome) = oneshot::channel();
        let weight = (self.weigh)(&item);
        let waiting = Waiting {
            item,
            weight,
            reply,
        };
        let starts_lane = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = !lanes.contains_key(&project);
            lanes.entry(project).or_default().push(waiting);
            is_new
        };
        if starts_lane {
            tokio::spawn(Arc::clone(self).drain(project));
        }
        outcome
            .await
            .unwrap_or_else(|_| Err(Error::Corrupt("a batch ended early".to_owned())))
    }

    /// Works on the lane until it is empty, then takes it down.
    async fn drain(self: Arc<Self>, project: ProjectId) {
        while let Some(batch) = self.take(project) {
            let (items, replies): (Vec<_>, Vec<_>) = batch
                .into_iter()
                .map(|waiting| (waiting.item, waiting.reply))
                .unzip();
            let outcomes = self.process_isolating(project, items).await;
            let processed = replies.len();
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // The caller may have gone; what was done stays done.
                let _ = reply.send(outcome);
            }
            gather(processed, || self.waiting(project)).await;
        }
    }

    /// How many items wait in the lane.
    fn waiting(&self, project: ProjectId) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(&project).map_or(0, Vec::len)
    }

    /// The next batch of the lane; takes the lane down when nothing waits.
    fn take(&self, project: ProjectId) -> Option<Vec<Waiting<I, O>>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.get_mut(&project)?;
        if lane.is_empty() {
            lanes.remove(&project);
            return None;
        }
        let mut bytes = 0_usize;
        let fits = |waiting: &&Waiting<I, O>| {
            bytes = bytes.saturating_add(waiting.weight);
            bytes <= MAX_BYTES
        };
        let count = lane.iter().take(self.max_items).take_while(fits).count();
        let rest = lane.split_off(count.max(1));
        Some(std::mem::replace(lane, rest))
    }

    /// Processes the items together. When they fail together, halves them until the bad one
    /// stands alone, so that it takes no other with it.
    async fn process_isolating(&self, project: ProjectId, items: Vec<I>) -> Outcomes<O> {
        let mut outcomes = Vec::with_capacity(items.len());
        let mut parts = VecDeque::from([items]);
        while let Some(part) = parts.pop_front() {
            let shared = Arc::new(part);
            let count = shared.len();
            let error = match self.process_part(project, &shared).await {
                Ok(done) => {
                    outcomes.extend(done);
                    continue;
                }
                Err(error) => error,
            };
            match Arc::into_inner(shared) {
                Some(mut part) if count > 1 && error.may_be_one_item() => {
                    let right = part.split_off(count / 2);
                    parts.push_front(right);
                    parts.push_front(part);
                }
                _ => outcomes.extend((0..count).map(|_| Err(error.clone()))),
            }
        }
        outcomes
    }

    /// Processes the items together, again when a concurrent transaction was in the way.
    async fn process_part(
        &self,
        project: ProjectId,
        items: &Arc<Vec<I>>,
    ) -> Result<Outcomes<O>, Error> {
        let mut races = 0;
        loop {
            // A task of its own: a panic then fails this part and not the lane.
            let result = tokio::spawn((self.process)(project, Arc::clone(items))).await;
            match result {
                Ok(Err(error)) if error.lost_a_race() && races < RACES => races += 1,
                Ok(outcome) => return outcome,
                Err(panic) => return Err(Error::Corrupt(format!("a batch panicked: {panic}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::error::{DatabaseError, ErrorKind};
    use tokio::sync::Semaphore;

    use super::*;

    type Seen = Arc<Mutex<Vec<usize>>>;

    /// Doubles numbers; a batch with a 13 fails. Each batch waits for a permit of the gate.
    fn doubling(gate: &Arc<Semaphore>, seen: &Seen) -> Arc<Batcher<u32, u32>> {
        let (gate, seen) = (Arc::clone(gate), Arc::clone(seen));
        Batcher::new(
            100,
            |_| 0,
            move |_, items: Arc<Vec<u32>>| {
                let (gate, seen) = (Arc::clone(&gate), Arc::clone(&seen));
                Box::pin(async move {
                    gate.acquire().await.unwrap().forget();
                    seen.lock().unwrap().push(items.len());
                    if items.contains(&13) {
                        return Err(Error::NotFound("luck"));
                    }
                    Ok(items.iter().map(|item| Ok(item * 2)).collect())
                })
            },
        )
    }

    #[tokio::test]
    async fn what_arrives_during_a_batch_forms_the_next_one() {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Seen::default());
        let batcher = doubling(&gate, &seen);
        let project = ProjectId::generate();
        // Without the number that fails.
        let submits: Vec<_> = (100..150)
            .map(|item| {
                let batcher = Arc::clone(&batcher);
                tokio::spawn(async move { batcher.submit(project, item).await })
            })
            .collect();
        // On this single-threaded runtime every submit runs before the first batch is let through.
        tokio::task::yield_now().await;
        gate.add_permits(100);
        for (item, submit) in (100..150).zip(submits) {
            assert_eq!(submit.await.unwrap().unwrap(), item * 2);
        }
        assert!(
            seen.lock().unwrap().len() <= 2,
            "{:?}",
            seen.lock().unwrap()
        );
    }

    #[tokio::test]
    async fn heavy_items_share_a_batch_only_as_far_as_they_fit() {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Seen::default());
        let heavy = {
            let (gate, seen) = (Arc::clone(&gate), Arc::clone(&seen));
            let weigh = |megabytes: &usize| megabytes * 1024 * 1024;
            Batcher::new(100, weigh, move |_, items: Arc<Vec<usize>>| {
                let (gate, seen) = (Arc::clone(&gate), Arc::clone(&seen));
                Box::pin(async move {
                    gate.acquire().await.unwrap().forget();
                    seen.lock().unwrap().push(items.iter().sum());
                    Ok(items.iter().map(|_| Ok(())).collect())
                })
            })
        };
        let project = ProjectId::generate();
        let submits: Vec<_> = [6, 6, 6, 40, 16, 1]
            .into_iter()
            .map(|item| {
                let heavy = Arc::clone(&heavy);
                tokio::spawn(async move { heavy.submit(project, item).await })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(100);
        for submit in submits {
            submit.await.unwrap().unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), [12, 6, 40, 16, 1]);
    }

    /// What Postgres tells the one of two transactions that it ends so that the other goes on.
    #[derive(Debug, thiserror::Error)]
    #[error("deadlock detected")]
    struct Deadlock;

    impl DatabaseError for Deadlock {
        fn message(&self) -> &str {
            "deadlock detected"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some("40P01".into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[tokio::test]
    async fn a_batch_that_lost_a_race_is_tried_again_and_not_for_ever() {
        let tries = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&tries);
        // Each item says how often its batch loses.
        let batcher: Arc<Batcher<u32, u32>> = Batcher::new(
            100,
            |_| 0,
            move |_, items: Arc<Vec<u32>>| {
                let counted = Arc::clone(&counted);
                Box::pin(async move {
                    let mut tries = counted.lock().unwrap();
                    *tries += 1;
                    if *tries <= items[0] {
                        return Err(sqlx::Error::Database(Box::new(Deadlock)).into());
                    }
                    Ok(items.iter().map(|item| Ok(*item)).collect())
                })
            },
        );
        let project = ProjectId::generate();
        assert_eq!(batcher.submit(project, 2).await.unwrap(), 2);
        assert_eq!(std::mem::take(&mut *tries.lock().unwrap()), 3);
        assert!(batcher.submit(project, 1_000).await.is_err());
        assert_eq!(*tries.lock().unwrap(), 3);
    }

    #[tokio::test]
    async fn a_bad_item_takes_no_other_with_it() {
        let (gate, seen) = (Arc::new(Semaphore::new(1_000)), Seen::default());
        let batcher = doubling(&gate, &seen);
        let outcomes = batcher
            .process_isolating(ProjectId::generate(), (0..40).collect())
            .await;
        for (item, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome.is_ok(), item != 13, "item {item}");
        }
    }

    #[tokio::test]
    async fn an_item_is_processed_although_its_caller_went_away() {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Seen::default());
        let batcher = doubling(&gate, &seen);
        let project = ProjectId::generate();
        let first = tokio::spawn({
            let batcher = Arc::clone(&batcher);
            async move { batcher.submit(project, 1).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        gate.add_permits(10);
        assert_eq!(batcher.submit(project, 2).await.unwrap(), 4);
        assert_eq!(seen.lock().unwrap().iter().sum::<usize>(), 2);
    }

    #[tokio::test]
    async fn a_panic_fails_its_batch_and_leaves_the_lane_working() {
        let batcher: Arc<Batcher<u32, u32>> = Batcher::new(
            100,
            |_| 0,
            |_, items: Arc<Vec<u32>>| {
                Box::pin(async move {
                    assert!(!items.contains(&13), "unlucky");
                    Ok(items.iter().map(|item| Ok(*item)).collect())
                })
            },
        );
        let project = ProjectId::generate();
        assert!(batcher.submit(project, 13).await.is_err());
        assert_eq!(batcher.submit(project, 7).await.unwrap(), 7);
    }
}
