//! The pace at which a job's worker may add events to its run's history.
//!
//! A bucket a claim, in memory: each replica counts what comes to it. It is the claim and not the
//! job that is counted, so nobody but the worker that holds the job can use its pace up.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mobius_store::jobs::Fence;
use mobius_types::{JobId, UserId};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{ApiError, limits::MAX_EVENTS};

/// How many claims are remembered. One that is forgotten begins with a full bucket.
const CLAIMS: usize = 10_000;

/// How many seconds' worth of events may come at once.
const BURST_SECONDS: u32 = 10;

/// Which claim of a job.
type Claim = (JobId, String, i32, UserId);

/// How many events may come now, as it was at some time.
struct Bucket {
    events: f64,
    at: Instant,
}

/// The buckets of a replica.
pub(crate) struct Pace {
    per_second: u32,
    buckets: Cache<Claim, Arc<Mutex<Bucket>>>,
}

impl Pace {
    /// So many events a second; 0 means any number.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            buckets: Cache::new(CLAIMS),
        }
    }

    /// The most events that may come at once; never fewer than a batch may have.
    fn burst(&self) -> f64 {
        f64::from(self.per_second.saturating_mul(BURST_SECONDS)).max(MAX_EVENTS as f64)
    }

    /// Takes the room for so many events of a claim, or says when there will be some.
    pub(crate) fn take(&self, fence: &Fence, events: usize, now: Instant) -> Result<(), ApiError> {
        if self.per_second == 0 {
            return Ok(());
        }
        let claim = (fence.job, fence.worker.clone(), fence.attempt, fence.actor);
        let full = || {
            Arc::new(Mutex::new(Bucket {
                events: self.burst(),
                at: now,
            }))
        };
        let bucket = self
            .buckets
            .get_or_insert_with(&claim, || Ok::<_, ApiError>(full()))?;
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = f64::from(self.per_second);
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
        bucket.events = (bucket.events + gained).min(self.burst());
        bucket.at = now;
        let wanted = events as f64;
        if bucket.events < wanted {
            return Err(self.too_fast((wanted - bucket.events) / rate));
        }
        bucket.events -= wanted;
        Ok(())
    }

    fn too_fast(&self, seconds: f64) -> ApiError {
        let wait = Duration::from_secs_f64(seconds).as_secs() + 1;
        ApiError::TooMany {
            code: "too_many_events",
            message: format!(
                "a job may add {} events a second in the long run",
                self.per_second
            ),
            retry_after: u32::try_from(wait).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(worker: &str) -> Fence {
        Fence {
            job: JobId::generate(),
            worker: worker.to_owned(),
            attempt: 1,
            actor: UserId::generate(),
        }
    }

    fn take_batches(pace: &Pace, fence: &Fence, now: Instant) -> (u32, ApiError) {
        let mut taken = 0;
        loop {
            match pace.take(fence, MAX_EVENTS, now) {
                Ok(()) => taken += 1,
                Err(error) => return (taken, error),
            }
        }
    }

    #[test]
    fn a_claim_has_a_burst_and_then_its_pace() {
        let pace = Pace::new(100);
        let (ours, theirs) = (fence("w"), fence("w"));
        let mut now = Instant::now();
        let (taken, refused) = take_batches(&pace, &ours, now);
        assert_eq!((taken, refused.retry_after()), (10, Some(2)));
        assert_eq!(take_batches(&pace, &theirs, now).0, 10);
        // Somebody else who names the job takes nothing from its holder.
        let stranger = Fence {
            worker: "v".to_owned(),
            ..ours.clone()
        };
        now += Duration::from_secs(2);
        assert_eq!(take_batches(&pace, &stranger, now).0, 10);
        assert_eq!(take_batches(&pace, &ours, now).0, 2);
        now += Duration::from_secs(3_600);
        assert_eq!(take_batches(&pace, &ours, now).0, 10);
    }

    #[test]
    fn a_slow_pace_still_lets_a_batch_through() {
        let pace = Pace::new(1);
        let fence = fence("w");
        let (taken, refused) = take_batches(&pace, &fence, Instant::now());
        assert_eq!((taken, refused.retry_after()), (1, Some(101)));
    }

    #[test]
    fn without_a_limit_everything_is_taken() {
        let pace = Pace::new(0);
        let fence = fence("w");
        for _ in 0..1_000 {
            assert!(pace.take(&fence, MAX_EVENTS, Instant::now()).is_ok());
        }
    }
}
