//! One transition in the making: moves branches from step to step until all of them wait for a
//! job, or the run has ended.
//!
//! A branch that arrives at a step is queued, not recursed into: a caught failure leads to another
//! step, which may fail at once again. The transition's budget ends such loops.
//!
//! Exactly one followed edge, without a `branch`, keeps the branch; in every other case each
//! followed edge starts a branch of its own, and the one that they leave has ended.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::{
    action::{Action, NewJob, Transition},
    budget::{Budget, STEP},
    event::{JobError, JobRef},
    expression::Fault,
    failure::{BRANCH_CONFLICT, EXPRESSION_ERROR, LIMIT_EXCEEDED},
    graph::MAIN,
    json::written_size,
    run::Run,
    scope::{RunObject, Scope},
    state::{Branch, Phase, RunState, Variables},
    steps::{Edge, Step, StepKind},
};

/// What a step costs that is entered without any expression.
const ARRIVAL_WORK: u64 = 100 * STEP;

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
        match fault {
            Fault::Failed(message) => Self::Step(JobError::of(EXPRESSION_ERROR, message)),
            Fault::Exhausted => Self::Run(JobError::of(
                LIMIT_EXCEEDED,
                "the expressions of one transition take too much time or memory",
            )),
        }
    }
}

pub(crate) struct Turn<'a> {
    run: &'a Run<'a>,
    run_object: RunObject<'a>,
    state: RunState,
    actions: Vec<Action>,
    arrivals: VecDeque<Arrival>,
    budget: Budget,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(run: &'a Run<'a>) -> Self {
        Self {
            run,
            run_object: RunObject::new(run.facts),
            state: run.state.clone(),
            actions: Vec::new(),
            arrivals: VecDeque::new(),
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

    /// The branch's step has succeeded with this result.
    pub(crate) fn leave(&mut self, branch: String, store: Option<&str>, result: Value) {
        let Some(Branch {
            step,
            mut variables,
            ..
        }) = self.state.branches.remove(&branch)
        else {
            return;
        };
        // A result that is too large is not stored, so that the state of a failed run fits too.
        let fits = match store {
            Some(_) => self.check_bytes(written_size(&result)),
            None => Ok(()),
        };
        if let (Some(name), Ok(())) = (store, &fits) {
            self.state.assign(&mut variables, name, result);
        }
        let at = Arrival {
            branch,
            step,
            variables,
        };
        match fits.and_then(|()| self.follow(&at)) {
            Ok(edges) => self.depart(at, &edges),
            Err(halt) => self.halt(at, halt),
        }
        self.settle();
    }

    /// The branch's step has failed for good.
    pub(crate) fn fail_step(&mut self, branch: String, error: JobError) {
        let Some(Branch {
            step, variables, ..
        }) = self.state.branches.remove(&branch)
        else {
            return;
        };
        self.halt(
            Arrival {
                branch,
                step,
                variables,
            },
            Halt::Step(error),
        );
        self.settle();
    }

    pub(crate) fn finish(self) -> Transition {
        Transition {
            state: self.state,
            actions: self.actions,
        }
    }

    fn step(&self, index: usize) -> &'a Step {
        &self.run.definition.steps[index]
    }

    /// Moves on until every branch waits, or the run has ended.
    fn settle(&mut self) {
        while self.state.phase == Phase::Live {
            let Some(arrival) = self.arrivals.pop_front() else {
                break;
            };
            match self.enter(&arrival) {
                Ok(job) => {
                    let visit = job.job.visit;
                    self.actions.push(Action::EnqueueJob(job));
                    self.park(arrival, visit);
                }
                Err(halt) => self.halt(arrival, halt),
            }
        }
        if self.state.phase == Phase::Live && self.state.branches.is_empty() {
            self.complete();
        }
    }

    /// The job of a step that a branch has arrived at.
    fn enter(&mut self, arrival: &Arrival) -> Result<NewJob, Halt> {
        self.check_limits()?;
        let step = self.step(arrival.step);
        let StepKind::Action(action) = &step.kind;
        let scope = scope(self.run, &self.run_object, &arrival.variables);
        let charged = self.budget.charge(ARRIVAL_WORK, 0);
        charged.map_err(|exhausted| Halt::from(Fault::from(exhausted)))?;
        let parameters = action.parameters(&scope, &mut self.budget)?;
        self.state.visits += 1;
        Ok(NewJob {
            job: JobRef {
                branch: arrival.branch.clone(),
                visit: self.state.visits,
            },
            step: step.name.clone(),
            action: action.action.clone(),
            parameters,
            timeout: action.timeout,
            max_attempts: action.max_attempts,
            server: false,
        })
    }

    fn check_limits(&self) -> Result<(), Halt> {
        self.check_room(0, 0)
    }

    /// Whether there is room for so many more branches and so many more bytes of variables.
    fn check_room(&self, branches: usize, bytes: u64) -> Result<(), Halt> {
        let limits = self.run.limits;
        let exceeded = |message: String| Err(Halt::Run(JobError::of(LIMIT_EXCEEDED, message)));
        if i64::from(self.state.visits) >= i64::from(limits.max_jobs) {
            return exceeded(format!("the run has more than {} jobs", limits.max_jobs));
        }
        if self.state.branches.len() + self.arrivals.len() + branches >= limits.max_branches {
            let most = limits.max_branches;
            return exceeded(format!("the run has more than {most} branches at a time"));
        }
        self.check_bytes(bytes)
    }

    /// Whether there is room for so many more bytes of variables.
    fn check_bytes(&self, bytes: u64) -> Result<(), Halt> {
        let most = self.run.limits.max_state_bytes;
        if self.state.bytes.saturating_add(bytes) > most as u64 {
            let message = format!("the variables of the run are larger than {most} bytes");
            return Err(Halt::Run(JobError::of(LIMIT_EXCEEDED, message)));
        }
        Ok(())
    }

    fn park(&mut self, arrival: Arrival, visit: i32) {
        self.state.branches.insert(
            arrival.branch,
            Branch {
                step: arrival.step,
                visit,
                variables: arrival.variables,
            },
        );
    }

    /// The edges whose condition holds.
    fn follow(&mut self, at: &Arrival) -> Result<Vec<&'a Edge>, Halt> {
        let step = self.step(at.step);
        let scope = scope(self.run, &self.run_object, &at.variables);
        let mut followed = Vec::new();
        for edge in &step.edges {
            let holds = match &edge.condition {
                Some(condition) => condition.holds(&scope, &mut self.budget)?,
                None => true,
            };
            if holds {
                followed.push(edge);
            }
            if holds && step.first_only {
                break;
            }
        }
        Ok(followed)
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
            if !self.run.definition.named_branches.contains(&name) {
                return name;
            }
        }
    }

    fn end_branch(&mut self, branch: Arrival) {
        if self.run.definition.kept_branches.contains(&branch.branch) {
            let replaced = self.state.ended.insert(branch.branch, branch.variables);
            let size = replaced.map_or(0, |variables| variables.size());
            self.state.bytes = self.state.bytes.saturating_sub(size);
        } else {
            let size = branch.variables.size();
            self.state.bytes = self.state.bytes.saturating_sub(size);
        }
    }

    /// A clause catches the failure of a step, or the run fails.
    fn halt(&mut self, mut at: Arrival, halt: Halt) {
        let error = match halt {
            Halt::Run(error) => return self.fail_run(at, error),
            Halt::Step(error) => error,
        };
        let StepKind::Action(action) = &self.step(at.step).kind;
        let Some(catch) = action.catch(&error.kind) else {
            return self.fail_run(at, error);
        };
        if let Some(name) = &catch.store {
            let caught = json!({
                "error": error.kind,
                "message": error.message,
                "details": error.details,
            });
            self.state.assign(&mut at.variables, name, caught);
        }
        at.step = catch.next;
        self.arrivals.push_back(at);
    }

    /// Jobs that this transition would have made are not made. All branches stay where they are,
    /// so that a retry of the run can go on from there.
    fn fail_run(&mut self, at: Arrival, error: JobError) {
        let step = &self.step(at.step).name;
        let JobError {
            kind,
            message,
            details,
        } = error;
        let message = format!("step `{step}` failed with {kind}: {message}");
        self.actions
            .retain(|action| !matches!(action, Action::EnqueueJob(_)));
        let error = JobError {
            kind,
            message,
            details,
        };
        self.actions
            .extend([Action::StopJobs, Action::FailRun { error }]);
        self.state.phase = Phase::Failed;
        let stranded = std::mem::take(&mut self.arrivals);
        for arrival in std::iter::once(at).chain(stranded) {
            self.state.visits = self.state.visits.saturating_add(1);
            self.park(arrival, self.state.visits);
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
