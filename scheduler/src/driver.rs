//! The driver: owns interval, jitter, deadline, error backoff, tracing and shutdown of all loops.
//!
//! A loop's file says what one tick does; it retries nothing and never waits.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use mobius_store::{Error, Store};
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::{
    end_attempts, end_children, expand_fan_outs, fire_timers, lanes::Lanes, make_partitions,
    purge_projects, rescue_leases, start_children,
};

/// A tick that takes longer is given up: a stalled connection must not stop a loop for ever.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest wait after errors in a row, so that loops go on soon after Postgres is back.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What a tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rows it dealt with.
    pub done: u64,
    /// Whether it stopped at its limit, so that the next tick is due at once.
    pub has_more: bool,
}

type Tick = for<'s> fn(&'s Store, &'s mut Lanes) -> BoxFuture<'s, Result<Report, Error>>;

/// A loop: what it is called, how often it ticks, and what a tick does.
struct Loop {
    name: &'static str,
    every: Duration,
    tick: Tick,
}

const LOOPS: [Loop; 8] = [
    Loop {
        name: "rescue_leases",
        every: Duration::from_millis(500),
        tick: |store, lanes| Box::pin(rescue_leases::tick(store, lanes)),
    },
    Loop {
        name: "end_attempts",
        every: Duration::from_millis(500),
        tick: |store, lanes| Box::pin(end_attempts::tick(store, lanes)),
    },
    Loop {
        name: "fire_timers",
        every: Duration::from_millis(250),
        tick: |store, lanes| Box::pin(fire_timers::tick(store, lanes)),
    },
    Loop {
        name: "start_children",
        every: Duration::from_millis(500),
        tick: |store, lanes| Box::pin(start_children::tick(store, lanes)),
    },
    Loop {
        name: "end_children",
        every: Duration::from_secs(5),
        tick: |store, lanes| Box::pin(end_children::tick(store, lanes)),
    },
    Loop {
        name: "expand_fan_outs",
        every: Duration::from_secs(1),
        tick: |store, lanes| Box::pin(expand_fan_outs::tick(store, lanes)),
    },
    Loop {
        name: "purge_projects",
        every: Duration::from_secs(10),
        tick: |store, _| Box::pin(purge_projects::tick(store)),
    },
    Loop {
        name: "make_partitions",
        every: Duration::from_secs(3_600),
        tick: |store, _| Box::pin(make_partitions::tick(store)),
    },
];

/// Runs all loops until told to stop.
pub async fn run(store: Store, stop: CancellationToken) {
    join_all(LOOPS.iter().map(|each| drive(each, &store, &stop))).await;
}

/// Lets each loop tick once, one after the other: what there is to do at this moment, for whoever
/// moves the clock by hand instead of waiting for [`run`].
///
/// # Errors
/// The first error of a tick; the loops after it did not tick.
pub async fn tick_all(store: &Store) -> Result<Report, Error> {
    let mut all = Report::default();
    for each in &LOOPS {
        let report = (each.tick)(store, &mut Lanes::patient()).await?;
        all.done += report.done;
        all.has_more |= report.has_more;
    }
    Ok(all)
}

async fn drive(each: &Loop, store: &Store, stop: &CancellationToken) {
    let mut failures = 0;
    let mut lanes = Lanes::new();
    while !stop.is_cancelled() {
        let tick = tokio::time::timeout(DEADLINE, (each.tick)(store, &mut lanes));
        // What a tick writes goes on in a task of its own, so it may be left at any time.
        let Some(ticked) = stop.run_until_cancelled(tick).await else {
            return;
        };
        let pause = match ticked {
            Ok(Ok(report)) => {
                if failures > 0 {
                    tracing::info!(name = each.name, "the loop works again");
                }
                failures = 0;
                if report.done > 0 {
                    tracing::debug!(name = each.name, done = report.done, "tick");
                }
                if report.has_more {
                    Duration::ZERO
                } else {
                    each.every
                }
            }
            Ok(Err(error)) => {
                failures += 1;
                tracing::warn!(name = each.name, %error, failures, "a tick failed");
                backoff(failures)
            }
            Err(_) => {
                failures += 1;
                tracing::warn!(name = each.name, failures, "a tick took too long");
                backoff(failures)
            }
        };
        stop.run_until_cancelled(tokio::time::sleep(jittered(pause)))
            .await;
    }
}

/// 100 ms after the first error, twice as long after each further one.
fn backoff(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    Duration::from_millis(100)
        .saturating_mul(doubled)
        .min(MAX_BACKOFF)
}

/// Up to a tenth more or less, so that replicas do not tick in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.9..1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_grows_to_its_limit_and_stays_there() {
        let delays: Vec<u128> = (1..9)
            .map(|failures| backoff(failures).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
    }
}
