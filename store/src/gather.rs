//! Waits, under load, for more to share the next transaction.
//!
//! A transaction costs much that does not depend on how many items it carries. While the machine is
//! busy those who were just answered come back one by one, and a lane that goes on at once takes
//! only the first of them. Knows nothing of what the items are.

use std::time::Duration;

/// A transaction with fewer items than this is no sign of load, and nobody waits after it.
const LOAD: usize = 4;

/// As many items make a transaction that costs little for each.
const ENOUGH: usize = 150;

/// The pause between two counts.
const PAUSE: Duration = Duration::from_millis(1);

/// How many pauses there are at most: what an item waits longest for others.
const PAUSES: u32 = 6;

/// Returns when nothing new is coming, or enough is there: at once unless the transaction before
/// carried several items. `waiting` counts what is there.
pub async fn gather(carried: usize, waiting: impl Fn() -> usize) {
    if carried < LOAD {
        return;
    }
    let mut there = waiting();
    for _ in 0..PAUSES {
        if there >= ENOUGH {
            return;
        }
        tokio::time::sleep(PAUSE).await;
        let before = std::mem::replace(&mut there, waiting());
        if there == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often it counts when `first` items are there, and one more with each of the next counts.
    async fn counts(carried: usize, first: usize, growing: u32) -> u32 {
        let counts = Cell::new(0_u32);
        gather(carried, || {
            let count = counts.replace(counts.get() + 1);
            first + count.min(growing) as usize
        })
        .await;
        counts.get()
    }

    #[tokio::test]
    async fn after_a_few_items_nobody_waits() {
        assert_eq!(counts(LOAD - 1, 10, 100).await, 0);
    }

    #[tokio::test]
    async fn it_goes_on_when_nothing_more_comes() {
        assert_eq!(counts(LOAD, 10, 0).await, 2);
        assert_eq!(counts(LOAD, 10, 3).await, 5);
    }

    #[tokio::test]
    async fn it_never_waits_for_long() {
        assert_eq!(counts(LOAD, 10, 100).await, 1 + PAUSES);
    }

    #[tokio::test]
    async fn it_goes_on_when_enough_is_there() {
        assert_eq!(counts(LOAD, ENOUGH, 100).await, 1);
        assert_eq!(counts(LOAD, ENOUGH - 2, 100).await, 3);
    }
}
