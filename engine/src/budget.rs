//! How much work and memory the expressions of one transition may take together.
//!
//! A single expression is bounded by itself (`expression::cost`); this bounds their sum, so that
//! thousands of edges or a loop of caught failures can't hold a transaction for minutes.

/// Work is counted in units of about a nanosecond: one evaluated node or comparison costs
/// [`STEP`], one copied byte costs one.
pub(crate) const STEP: u64 = 64;

const TRANSITION_WORK: u64 = 5_000_000 * STEP;
const TRANSITION_BYTES: u64 = 64 * 1024 * 1024;
const ITEM_WORK: u64 = 1_000_000 * STEP;
const ITEM_BYTES: u64 = 16 * 1024 * 1024;

/// What is left of a transition's allowance.
#[derive(Debug)]
pub(crate) struct Budget {
    work: u64,
    bytes: u64,
}

/// The allowance is used up; the run fails, and nothing can catch that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Default for Budget {
    fn default() -> Self {
        Self {
            work: TRANSITION_WORK,
            bytes: TRANSITION_BYTES,
        }
    }
}

impl Budget {
    /// The allowance for one item of an `each` step, whatever the others take.
    pub(crate) const fn of_item() -> Self {
        Self {
            work: ITEM_WORK,
            bytes: ITEM_BYTES,
        }
    }

    /// Takes what one item has used; false when that was more than there is left.
    pub(crate) fn absorb(&mut self, item: &Self) -> bool {
        let (work, bytes) = (ITEM_WORK - item.work, ITEM_BYTES - item.bytes);
        self.charge(work, bytes).is_ok()
    }

    /// Takes `work` units, and `bytes` of memory that are kept until the transition's end.
    pub(crate) fn charge(&mut self, work: u64, bytes: u64) -> Result<(), Exhausted> {
        self.work = self.work.checked_sub(work).ok_or(Exhausted)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Exhausted)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_once() {
        let mut budget = Budget::default();
        assert_eq!(budget.charge(TRANSITION_WORK, 0), Ok(()));
        assert_eq!(budget.charge(1, 0), Err(Exhausted));
        let mut budget = Budget::default();
        assert_eq!(budget.charge(0, TRANSITION_BYTES + 1), Err(Exhausted));
    }
}
