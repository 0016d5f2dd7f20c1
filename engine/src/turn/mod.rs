//! One transition in the making: moves branches from step to step until all of them wait, or the
//! run has ended.
//!
//! A branch that arrives at a step is queued, not recursed into: a caught failure leads to another
//! step, which may fail at once again. The transition's budget ends such loops.

mod arrive;
mod depart;
mod fail;
mod joins;
mod limits;
mod revive;
mod signals;

use std::collections::VecDeque;

use mobius_types::Timestamp;

use crate::{
    action::Action,
    budget::Budget,
    event::{JobError, Signal},
    expression::Fault,
    failure::{EXPRESSION_ERROR, LIMIT_EXCEEDED},
    graph::MAIN,
    run::Run,
    scope::{RunObject, Scope},
    state::{Phase, RunState, Variables},
    steps::Step,
};

/// Behind so many arrivals at steps in one transition, it is these that take its allowance: more
/// than all branches of a run can make without a loop.
const LOOP_ARRIVALS: u32 = 25_000;

/// A branch on its way to a step.
struct Arrival {
    branch: String,
    step: usize,
    variables: Variables,
}

/// What stops a step or the whole run.
enum Halt {
    /// The step has failed; a clause may catch it.
    Step(JobError),
    /// The run has outgrown a limit.
    Run(JobError),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        let message = match fault {
            Fault::Failed(message) => message,
            Fault::Exhausted => "its expressions take too much time or memory".to_owned(),
        };
        Self::Step(JobError::of(EXPRESSION_ERROR, message))
    }
}

impl Halt {
    /// The whole transition has used up its allowance, after so many arrivals at steps.
    fn exhausted(arrived: u32) -> Self {
        let message = if arrived > LOOP_ARRIVALS {
            "the run goes round without ever waiting or making a job"
        } else {
            "the expressions of one transition take too much time or memory"
        };
        Self::Run(JobError::of(LIMIT_EXCEEDED, message))
    }
}

pub(crate) struct Turn<'a> {
    run: &'a Run<'a>,
    now: Timestamp,
    run_object: RunObject<'a>,
    pub(crate) state: &'a mut RunState,
    actions: Vec<Action>,
    arrivals: VecDeque<Arrival>,
    /// How many there were.
    arrived: u32,
    /// The stored signals that this transition has not consumed, oldest first.
    signals: Vec<&'a Signal>,
    budget: Budget,
}

impl<'a> Turn<'a> {
    /// Changes the state in place: a copy of ten thousand branches for each of their timers
    /// would cost far more than the timers do.
    pub(crate) fn new(run: &'a Run<'a>, state: &'a mut RunState, now: Timestamp) -> Self {
        Self {
            run,
            now,
            run_object: RunObject::new(run.facts),
            state,
            actions: Vec::new(),
            arrivals: VecDeque::new(),
            arrived: 0,
            signals: run.signals.iter().collect(),
            budget: Budget::default(),
        }
    }

    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Starts `main`.
    pub(crate) fn start(&mut self) {
        let definition = self.run.definition;
        self.state.phase = Phase::Live;
        self.state.bytes = definition.variables.size();
        self.arrivals.push_back(Arrival {
            branch: MAIN.to_owned(),
            step: definition.start,
            variables: definition.variables.clone(),
        });
        self.settle();
    }

    pub(crate) fn finish(self) -> Vec<Action> {
        self.actions
    }

    fn step(&self, index: usize) -> &'a Step {
        &self.run.definition.steps[index]
    }

    fn is_live(&self) -> bool {
        self.state.phase == Phase::Live
    }

    /// Moves on until every branch waits, or the run has ended.
    fn settle(&mut self) {
        loop {
            while self.is_live()
                && let Some(arrival) = self.arrivals.pop_front()
            {
                self.arrive(arrival);
            }
            // Joins look at where the other branches stand, so these come to rest first.
            if !self.is_live() || !self.pass_joins() {
                break;
            }
        }
        if self.is_live() && self.state.branches.is_empty() {
            self.complete();
        } else if self.is_live() {
            self.check_joins();
        }
    }

    fn complete(&mut self) {
        let mut ended = std::mem::take(&mut self.state.ended);
        let result = self.run.definition.outputs(&mut ended);
        self.actions.push(Action::CompleteRun { result });
        self.state.phase = Phase::Completed;
        self.state.bytes = 0;
    }
}

fn scope<'s>(run: &Run<'s>, run_object: &'s RunObject<'_>, variables: &'s Variables) -> Scope<'s> {
    Scope::new(run.inputs, variables.values(), run_object)
}
