//! How large a run may grow. A run over a limit fails, and nothing can catch that.

use serde_json::Value;

use super::{Halt, Turn};
use crate::{
    event::JobError,
    failure::LIMIT_EXCEEDED,
    json::{MAX_DEPTH, is_too_deep},
};

impl Turn<'_> {
    /// Whether there is room for so many more branches and so many more bytes of variables.
    pub(super) fn check_room(&self, branches: usize, bytes: u64) -> Result<(), Halt> {
        self.check_jobs(0)?;
        let most = self.run.limits.max_branches;
        if self.state.branches.len() + self.arrivals.len() + branches >= most {
            return exceeded(format!("the run has more than {most} branches at a time"));
        }
        self.check_bytes(bytes)
    }

    /// Whether there is room for so many more bytes of variables.
    pub(super) fn check_bytes(&self, bytes: u64) -> Result<(), Halt> {
        let most = self.run.limits.max_state_bytes;
        if self.state.bytes.saturating_add(bytes) > most as u64 {
            let message = format!("the variables of the run are larger than {most} bytes");
            return exceeded(message);
        }
        Ok(())
    }

    /// Whether there is room for so many more items of `each` steps.
    pub(super) fn check_items(&self, items: u32) -> Result<(), Halt> {
        let most = self.run.limits.max_items;
        if items > 0 && self.state.live_items.saturating_add(items) > most {
            return exceeded(format!("the run has more than {most} items at a time"));
        }
        self.check_jobs(items)
    }

    /// Whether there is room for one more step execution with so many items.
    fn check_jobs(&self, items: u32) -> Result<(), Halt> {
        let most = self.run.limits.max_jobs;
        let jobs = i64::from(self.state.visits) + i64::from(self.state.items) + i64::from(items);
        if jobs >= i64::from(most) || self.state.visits == i32::MAX {
            return exceeded(format!(
                "the run has more than {most} step executions and items"
            ));
        }
        Ok(())
    }
}

/// Whether variables with these values can be read again. A join in a loop, the list of an `each`
/// step's results or a whole branch's variables put values into others.
pub(super) fn check_depth(variables: &[(String, Value)]) -> Result<(), Halt> {
    match variables.iter().find(|(_, value)| is_too_deep(value)) {
        Some((name, _)) => exceeded(format!(
            "variable `{name}` would be nested deeper than {MAX_DEPTH} levels"
        )),
        None => Ok(()),
    }
}

fn exceeded(message: String) -> Result<(), Halt> {
    Err(Halt::Run(JobError::of(LIMIT_EXCEEDED, message)))
}
