//! A branch leaves a step: its variables change, and edges are followed.
//!
//! Exactly one followed edge, without a `branch`, keeps the branch; in every other case each
//! followed edge starts a branch of its own, and the one that they leave has ended.

use serde_json::Value;

use super::{Arrival, Halt, Turn, limits::check_depth, scope};
use crate::{
    budget::Budget, event::JobError, failure::BRANCH_CONFLICT, json::written_size, state::Branch,
    steps::Edge, waiting::Waiting,
};

impl<'a> Turn<'a> {
    /// The branch's step has succeeded with this result.
    pub(crate) fn leave(&mut self, branch: &str, store: Option<&str>, result: Value) {
        if let Some(arrival) = self.take(branch) {
            let variable = store.map(|name| (name.to_owned(), result));
            self.go_on(arrival, variable.into_iter().collect());
        }
        self.settle();
    }

    /// The branch has waited too long, and this step goes on.
    pub(crate) fn turn_to(&mut self, branch: &str, step: usize) {
        if let Some(arrival) = self.take(branch) {
            self.arrivals.push_back(Arrival { step, ..arrival });
        }
        self.settle();
    }

    /// Every branch that is paused goes on; says whether any was.
    pub(crate) fn resume(&mut self) -> bool {
        let paused = self.state.waiting(|waits| *waits == Waiting::Resume);
        if paused.is_empty() {
            return false;
        }
        for branch in &paused {
            if self.is_live()
                && let Some(arrival) = self.take(branch)
            {
                self.go_on(arrival, Vec::new());
            }
        }
        self.settle();
        true
    }

    /// Takes a branch from where it waits.
    pub(super) fn take(&mut self, branch: &str) -> Option<Arrival> {
        let Branch {
            step, variables, ..
        } = self.state.unpark(branch)?;
        Some(Arrival {
            branch: branch.to_owned(),
            step,
            variables,
        })
    }

    /// The step is done. Sets variables, and follows the edges.
    pub(super) fn go_on(&mut self, mut at: Arrival, variables: Vec<(String, Value)>) {
        let size = variables.iter().map(|(_, value)| written_size(value)).sum();
        // What is too large is not stored, so that the state of a failed run fits, too.
        let fits = if variables.is_empty() {
            Ok(())
        } else {
            let fits = self.check_bytes(size);
            fits.and_then(|()| check_depth(&variables))
        };
        if fits.is_ok() {
            for (name, value) in variables {
                self.state.assign(&mut at.variables, &name, value);
            }
        }
        match fits.and_then(|()| self.follow(&at)) {
            Ok(edges) => self.depart(at, &edges),
            Err(halt) => self.halt(at, halt),
        }
    }

    /// The edges whose condition holds.
    fn follow(&mut self, at: &Arrival) -> Result<Vec<&'a Edge>, Halt> {
        let scope = scope(self.run, &self.run_object, &at.variables);
        let mut allowance = Budget::of_step();
        let followed = self.step(at.step).follow(&scope, &mut allowance);
        self.budget
            .absorb(&allowance)
            .map_err(|_| Halt::exhausted(self.arrived))?;
        Ok(followed?)
    }

    fn depart(&mut self, from: Arrival, edges: &[&Edge]) {
        match edges {
            [edge] if edge.branch.is_none() => self.arrivals.push_back(Arrival {
                step: edge.step,
                ..from
            }),
            edges => {
                if let Err(halt) = self.fork(&from, edges) {
                    return self.halt(from, halt);
                }
                self.end_branch(from);
            }
        }
    }

    /// Every edge starts a branch with a copy of the variables.
    fn fork(&mut self, from: &Arrival, edges: &[&Edge]) -> Result<(), Halt> {
        if let Some(name) = edges.iter().find_map(|edge| self.conflict(from, edge)) {
            let message = format!("branch `{name}` is started while it is still going");
            return Err(Halt::Step(JobError::of(BRANCH_CONFLICT, message)));
        }
        let size = from.variables.size();
        // Before the copies are made: a run that fails keeps its branches, copies and all. The
        // branch that forks ends, which makes room for one.
        let more = edges.len().saturating_sub(1);
        self.check_room(more, size.saturating_mul(more as u64))?;
        for edge in edges {
            self.state.bytes += size;
            let branch = edge.branch.clone().unwrap_or_else(|| self.generate_name());
            self.arrivals.push_back(Arrival {
                branch,
                step: edge.step,
                variables: from.variables.clone(),
            });
        }
        Ok(())
    }

    /// The name of a branch that the edge can't start, because it is going. The branch that the
    /// edge leaves ends here, so it can be started anew.
    fn conflict<'e>(&self, from: &Arrival, edge: &'e Edge) -> Option<&'e str> {
        let name = edge.branch.as_deref()?;
        let on_its_way = self.arrivals.iter().any(|arrival| arrival.branch == name);
        let is_going = self.state.branches.contains_key(name) || on_its_way;
        (is_going && name != from.branch).then_some(name)
    }

    fn generate_name(&mut self) -> String {
        loop {
            self.state.generated += 1;
            let name = format!("branch-{}", self.state.generated);
            if !self.run.definition.named_branches.contains_key(&name) {
                return name;
            }
        }
    }

    /// Keeps of an ended branch what outputs and joins need.
    fn end_branch(&mut self, branch: Arrival) {
        let definition = self.run.definition;
        let size = branch.variables.size();
        let kept = if definition.kept_branches.contains(&branch.branch) {
            Some(branch.variables)
        } else {
            let is_awaited = definition.awaited_branches.contains(&branch.branch);
            is_awaited.then(Default::default)
        };
        self.state.bytes = self.state.bytes.saturating_sub(size);
        if let Some(kept) = kept {
            self.state.bytes = self.state.bytes.saturating_add(kept.size());
            let replaced = self.state.ended.insert(branch.branch, kept);
            let size = replaced.map_or(0, |variables| variables.size());
            self.state.bytes = self.state.bytes.saturating_sub(size);
        }
    }
}
