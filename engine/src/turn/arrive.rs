//! A branch arrives at a step: waits there, or goes on at once.

use super::{Arrival, Halt, Turn, scope};
use crate::{
    action::Action,
    budget::{Budget, STEP},
    event::JobRef,
    state::Branch,
    steps::{Entered, Entry, StepKind},
    waiting::Waiting,
};

/// What a step costs that is entered without any expression.
const ARRIVAL_WORK: u64 = 100 * STEP;

impl Turn<'_> {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        match self.enter(&arrival).and_then(|entered| self.admit(entered)) {
            Ok(Entered::Waits(waits, actions)) => self.wait(arrival, waits, actions),
            Ok(Entered::Passes(variable)) => {
                self.state.visits += 1;
                self.go_on(arrival, variable.into_iter().collect());
            }
            Err(halt) => self.halt(arrival, halt),
        }
    }

    fn enter(&mut self, arrival: &Arrival) -> Result<Entered, Halt> {
        self.check_room(0, 0)?;
        self.arrived += 1;
        let charged = self.budget.charge(ARRIVAL_WORK, 0);
        charged.map_err(|_| Halt::exhausted(self.arrived))?;
        let mut allowance = Budget::of_step();
        let step = self.step(arrival.step);
        let mut entry = Entry {
            job: JobRef {
                branch: arrival.branch.clone(),
                visit: self.state.visits + 1,
            },
            step: &step.name,
            scope: scope(self.run, &self.run_object, &arrival.variables),
            budget: &mut allowance,
            now: self.now,
        };
        let entered = match &step.kind {
            StepKind::Action(action) => action.enter(&mut entry),
            StepKind::Join(join) => return self.enter_join(join, &arrival.branch),
            StepKind::WaitSignal(wait) => wait.enter(&mut entry),
            StepKind::Sleep(sleep) => sleep.enter(&mut entry),
            StepKind::Pause => Ok(Entered::Waits(Waiting::Resume, Vec::new())),
            StepKind::Interaction(interaction) => interaction.enter(&mut entry),
        };
        self.budget
            .absorb(&allowance)
            .map_err(|_| Halt::exhausted(self.arrived))?;
        Ok(entered?)
    }

    /// Whether the run has room for what the branch waits for.
    fn admit(&self, entered: Entered) -> Result<Entered, Halt> {
        if let Entered::Waits(waits, _) = &entered {
            self.check_bytes(waits.size())?;
            self.check_items(waits.items())?;
        }
        Ok(entered)
    }

    /// The branch waits, unless it waits for a signal that is there already.
    fn wait(&mut self, arrival: Arrival, waits: Waiting, actions: Vec<Action>) {
        self.state.visits += 1;
        let job = JobRef {
            branch: arrival.branch.clone(),
            visit: self.state.visits,
        };
        if let Waiting::Signal { name, .. } = &waits
            && let Some(signal) = self.take_signal(name)
        {
            self.consume(signal, job);
            return self.receive(arrival, signal);
        }
        self.actions.extend(actions);
        self.start_timer(job, &waits);
        self.state.items = self.state.items.saturating_add(waits.items());
        let branch = Branch {
            step: arrival.step,
            visit: self.state.visits,
            waits,
            variables: arrival.variables,
        };
        self.state.park(arrival.branch, branch);
    }

    pub(super) fn start_timer(&mut self, job: JobRef, waits: &Waiting) {
        if let Some(fires_at) = waits.timer() {
            self.actions.push(Action::StartTimer { job, fires_at });
        }
    }
}
