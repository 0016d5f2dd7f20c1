//! The retry of a failed run.

use mobius_types::Timestamp;

use super::{Halt, Turn, scope};
use crate::{
    action::Action,
    budget::Budget,
    event::JobRef,
    state::{Phase, RunState},
    steps::{Entry, StepKind},
    waiting::Waiting,
};

impl Turn<'_> {
    /// Executes the run again as a whole. Step executions go on counting, so that an event of an
    /// earlier one never matches; signals that nothing has consumed are still there.
    pub(crate) fn restart(&mut self) {
        let old = std::mem::take(self.state);
        *self.state = RunState {
            visits: old.visits,
            items: old.items,
            stored: old.stored,
            ..RunState::default()
        };
        self.start();
    }

    /// Every branch goes on from where it stood. Those at a job, and those that had failed, enter
    /// their step anew; those that wait go on waiting, with the time that they had.
    pub(crate) fn revive(&mut self) {
        self.state.phase = Phase::Live;
        for name in self.state.waiting(|_| true) {
            if self.is_live() {
                self.revive_branch(&name);
            }
        }
        self.settle();
    }

    fn revive_branch(&mut self, name: &str) {
        let branch = &self.state.branches[name];
        let job = JobRef {
            branch: name.to_owned(),
            visit: branch.visit,
        };
        let waits = branch.waits.clone();
        match &waits {
            Waiting::Job | Waiting::Retry => {
                let arrival = self.take(name);
                self.arrivals.extend(arrival);
            }
            Waiting::FanOut { .. } => self.push(Action::RestartFanOut { job }),
            Waiting::Signal { .. } | Waiting::Time { .. } => self.start_timer(job, &waits),
            Waiting::Answer { until, timeout } => match self.ask_again(&job, *until, timeout) {
                Ok(question) => {
                    self.push(question);
                    self.start_timer(job, &waits);
                }
                Err(halt) => {
                    if let Some(arrival) = self.take(name) {
                        self.halt(arrival, halt);
                    }
                }
            },
            Waiting::Resume | Waiting::Join { .. } => {}
        }
    }

    fn ask_again(&mut self, job: &JobRef, until: Timestamp, timeout: &str) -> Result<Action, Halt> {
        let branch = &self.state.branches[&job.branch];
        let step = self.step(branch.step);
        let variables = branch.variables.clone();
        let mut allowance = Budget::of_step();
        let mut entry = Entry {
            job: job.clone(),
            step: &step.name,
            scope: scope(self.run, &self.run_object, &variables),
            budget: &mut allowance,
            now: self.now,
        };
        let StepKind::Interaction(interaction) = &step.kind else {
            unreachable!("only an interaction waits for an answer");
        };
        let question = interaction.open(&mut entry, until, timeout);
        self.budget
            .absorb(&allowance)
            .map_err(|_| Halt::exhausted(self.arrived))?;
        Ok(question?)
    }
}
