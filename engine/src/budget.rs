//! How much work and memory the expressions of one transition may take together.
//!
//! A single expression is bounded by itself (`expression::cost`); this bounds the sum of those of
//! one step, and of all steps of a transition, so that a template of a hundred large values,
//! thousands of edges or a loop of caught failures can't hold a transaction for minutes.

/// Work is counted in units of about a nanosecond: one evaluated node or comparison costs
/// [`STEP`], one copied byte costs one.
pub(crate) const STEP: u64 = 64;

const TRANSITION_WORK: u64 = 5_000_000 * STEP;
const TRANSITION_BYTES: u64 = 64 * 1024 * 1024;
const STEP_WORK: u64 = 1_000_000 * STEP;
/// Less than the 16 MiB that a process may grow by for one step's expressions, because the
/// variables that they read, and what the allocator keeps, count there too.
const STEP_BYTES: u64 = 12 * 1024 * 1024;

/// What is left of the allowance of a transition, or of one step in it.
#[derive(Debug)]
pub(crate) struct Budget {
    work: u64,
    bytes: u64,
}

/// The allowance is used up. If it is that of one step, the step fails; if it is that of the whole
/// transition, the run does, and nothing can catch that.
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
    /// The allowance for one step execution, or for one item of it, whatever the others take.
    pub(crate) const fn of_step() -> Self {
        Self {
            work: STEP_WORK,
            bytes: STEP_BYTES,
        }
    }

    /// Takes what was used of an allowance for one step.
    pub(crate) fn absorb(&mut self, step: &Self) -> Result<(), Exhausted> {
        self.charge(STEP_WORK - step.work, STEP_BYTES - step.bytes)
    }

    /// How many of so many parts of a transition's allowance are spent, rounded up.
    pub(crate) fn spent_of(&self, parts: u32) -> u32 {
        let spent = |all: u64, left: u64| ((all - left) * u64::from(parts)).div_ceil(all);
        let most = spent(TRANSITION_WORK, self.work).max(spent(TRANSITION_BYTES, self.bytes));
        u32::try_from(most).unwrap_or(parts)
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
    fn what_a_step_has_used_is_taken_from_the_transition() {
        let mut budget = Budget::default();
        let mut step = Budget::of_step();
        assert_eq!(step.charge(0, STEP_BYTES), Ok(()));
        for _ in 0..TRANSITION_BYTES / STEP_BYTES {
            assert_eq!(budget.absorb(&step), Ok(()));
        }
        assert_eq!(budget.absorb(&step), Err(Exhausted));
    }

    #[test]
    fn what_is_spent_is_told_in_parts() {
        let mut budget = Budget::default();
        assert_eq!(budget.spent_of(1_000), 0);
        assert_eq!(budget.charge(1, TRANSITION_BYTES / 2), Ok(()));
        assert_eq!(budget.spent_of(1_000), 500);
        assert_eq!(budget.charge(TRANSITION_WORK - 1, 0), Ok(()));
        assert_eq!(budget.spent_of(1_000), 1_000);
    }

    #[test]
    fn a_budget_is_spent_once() {
        let mut budget = Budget::default();
        assert_eq!(budget.charge(TRANSITION_WORK, 0), Ok(()));
        assert_eq!(budget.charge(1, 0), Err(Exhausted));
        let mut budget = Budget::default();
        assert_eq!(budget.charge(0, TRANSITION_BYTES + 1), Err(Exhausted));
    }
}
