//! Joins: when they pass, what they copy, and when they never will.

use serde_json::Value;

use super::{Halt, Turn};
use crate::{
    budget::STEP,
    event::JobError,
    failure::JOIN_UNSATISFIABLE,
    steps::{Entered, join::JoinStep},
    waiting::Waiting,
};

/// What it costs to look whether one branch has completed.
const LOOK_WORK: u64 = 2 * STEP;
/// How many branches an error names.
const SHOWN_BRANCHES: usize = 10;

/// How a join stands.
struct Tally<'t> {
    /// How many branches it waits for.
    awaited: usize,
    /// How many of them must complete.
    needed: usize,
    /// The branches that have not completed.
    missing: Vec<&'t str>,
}

impl<'a> Turn<'a> {
    /// A join without a list waits for the branches started by name that go on now.
    pub(super) fn enter_join(&mut self, join: &JoinStep, branch: &str) -> Result<Entered, Halt> {
        if !join.waits_for_all() {
            return Ok(Entered::Waits(Waiting::Join { branches: None }, Vec::new()));
        }
        let (state, arrivals) = (&*self.state, &self.arrivals);
        let work = (state.branches.len() + arrivals.len()) as u64 * LOOK_WORK;
        self.budget
            .charge(work, 0)
            .map_err(|_| Halt::exhausted(self.arrived))?;
        let going = state.branches.keys();
        let going = going.chain(arrivals.iter().map(|arrival| &arrival.branch));
        let named = &self.run.definition.named_branches;
        let others = going.filter(|name| name.as_str() != branch && named.contains_key(*name));
        let branches = Some(others.cloned().collect());
        Ok(Entered::Waits(Waiting::Join { branches }, Vec::new()))
    }

    /// Lets those joins pass for which enough branches have completed, as they stand now. Says
    /// whether there may be more.
    pub(super) fn pass_joins(&mut self) -> bool {
        let waiting = self.state.waiting(is_join);
        if !self.afford(&waiting) {
            return false;
        }
        let mut passing = Vec::new();
        for name in waiting {
            let Some((join, tally)) = self.tally(&name) else {
                continue;
            };
            if tally.awaited - tally.missing.len() >= tally.needed {
                passing.push((name, join));
            }
        }
        // One that passes may start a branch anew that another has waited for, so all is copied
        // before any goes on.
        let copied: Vec<_> = passing
            .iter()
            .map(|(_, join)| self.copy_mapped(join))
            .collect();
        let any = !passing.is_empty();
        for ((name, _), variables) in passing.into_iter().zip(copied) {
            if !self.is_live() {
                break;
            }
            let Some(arrival) = self.take(&name) else {
                continue;
            };
            match variables {
                Ok(variables) => self.go_on(arrival, variables),
                Err(halt) => self.halt(arrival, halt),
            }
        }
        any
    }

    /// Takes from the budget what it costs to look at the joins. Thousands of joins of hundreds of
    /// branches each can be more than there is; then the run fails.
    fn afford(&mut self, waiting: &[String]) -> bool {
        let Some(step) = waiting.first().map(|name| self.state.branches[name].step) else {
            return true;
        };
        let names = |name: &String| self.awaited(name).map_or(0, |(_, awaited)| awaited.len());
        let names: usize = waiting.iter().map(names).sum();
        let work = (names + waiting.len()) as u64 * LOOK_WORK;
        if self.budget.charge(work, 0).is_ok() {
            return true;
        }
        match Halt::exhausted(self.arrived) {
            Halt::Run(error) | Halt::Step(error) => self.fail_run(step, error),
        }
        false
    }

    /// The join that a branch is at, with the branches that it waits for.
    fn awaited(&self, branch: &str) -> Option<(&'a JoinStep, &[String])> {
        let parked = self.state.branches.get(branch)?;
        let Waiting::Join { branches: going } = &parked.waits else {
            return None;
        };
        let join = self.step(parked.step).kind.as_join()?;
        Some((join, going.as_deref().unwrap_or_else(|| join.listed())))
    }

    /// How the join of a branch stands.
    fn tally(&self, branch: &str) -> Option<(&'a JoinStep, Tally<'_>)> {
        let (join, awaited) = self.awaited(branch)?;
        let is_complete = |name: &&String| {
            let is_going = self.state.branches.contains_key(*name);
            // One that was going when the join was reached has ended if it does not go on.
            !is_going && (join.waits_for_all() || self.state.ended.contains_key(*name))
        };
        let missing = awaited.iter().filter(|name| !is_complete(name));
        let tally = Tally {
            awaited: awaited.len(),
            needed: join.needed(awaited.len()),
            missing: missing.map(String::as_str).collect(),
        };
        Some((join, tally))
    }

    /// What the mappings of a join give. Of a branch that has not completed, or that never set the
    /// variable, nothing is copied.
    fn copy_mapped(&mut self, join: &JoinStep) -> Result<Vec<(String, Value)>, Halt> {
        let mut copied = Vec::with_capacity(join.mappings.len());
        let mut size = 0;
        for mapping in &join.mappings {
            if self.state.branches.contains_key(&mapping.branch) {
                continue;
            }
            let ended = self.state.ended.get(&mapping.branch);
            let Some(found) = ended.and_then(|variables| mapping.look_up(variables)) else {
                continue;
            };
            let weight = found.weight();
            let charged = self.budget.charge(weight + STEP, weight);
            charged.map_err(|_| Halt::exhausted(self.arrived))?;
            size += found.size();
            self.check_bytes(size)?;
            copied.push((mapping.variable.clone(), found.to_json()));
        }
        Ok(copied)
    }

    /// Fails the run when a join can't pass any more.
    pub(super) fn check_joins(&mut self) {
        let waiting = self.state.waiting(is_join);
        let Some(oldest) = waiting.first() else {
            return;
        };
        let starters = Starters::count(self);
        let stuck = waiting.iter().find_map(|name| {
            let (_, tally) = self.tally(name)?;
            let lost = |other: &&str| !self.can_complete(other, name, &starters);
            let lost: Vec<_> = tally.missing.iter().copied().filter(lost).collect();
            let possible = tally.awaited - lost.len();
            (possible < tally.needed).then(|| (name, explain(&tally, &lost)))
        });
        let all_join = waiting.len() == self.state.branches.len();
        let deadlock = || {
            (
                oldest,
                "every branch that is left waits in a join".to_owned(),
            )
        };
        if let Some((name, reason)) = stuck.or_else(|| all_join.then(deadlock)) {
            let step = self.state.branches[name].step;
            self.fail_run(step, JobError::of(JOIN_UNSATISFIABLE, reason));
        }
    }

    /// Whether a branch can still complete before the join of `waiting` has passed: it is going,
    /// or another one that is can still start it.
    fn can_complete(&self, branch: &str, waiting: &str, starters: &Starters) -> bool {
        if branch != waiting && self.state.branches.contains_key(branch) {
            return true;
        }
        let definition = self.run.definition;
        let Some(source) = definition.named_branches.get(branch) else {
            return false;
        };
        let own = self.state.branches[waiting].step;
        let itself = usize::from(definition.reach.leads(own, *source));
        starters.0.get(*source).is_some_and(|count| *count > itself)
    }
}

/// For each step, how many of the branches that are going can still come to it.
struct Starters(Vec<usize>);

impl Starters {
    fn count(turn: &Turn<'_>) -> Self {
        let definition = turn.run.definition;
        let mut at = vec![0_usize; definition.steps.len()];
        for branch in turn.state.branches.values() {
            at[branch.step] += 1;
        }
        let coming = |to: usize| {
            let from = at.iter().enumerate().filter(|(_, count)| **count > 0);
            let leading = from.filter(|(from, _)| definition.reach.leads(*from, to));
            leading.map(|(_, count)| count).sum()
        };
        Self((0..at.len()).map(coming).collect())
    }
}

fn explain(tally: &Tally<'_>, lost: &[&str]) -> String {
    let shown = lost.iter().take(SHOWN_BRANCHES);
    let shown: Vec<_> = shown.map(|name| format!("`{name}`")).collect();
    let more = match lost.len().saturating_sub(SHOWN_BRANCHES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{} of its branches must complete, {} did, and {}{more} can't any more",
        tally.needed,
        tally.awaited - tally.missing.len(),
        shown.join(", "),
    )
}

const fn is_join(waits: &Waiting) -> bool {
    matches!(waits, Waiting::Join { .. })
}
