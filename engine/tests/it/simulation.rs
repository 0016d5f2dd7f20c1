//! A run in memory: what the store would do, without a database.

use mobius_engine::{
    Action, Definition, Event, JobError, JobRef, Limits, NewJob, Rejected, RetryProgress, Run,
    RunFacts, RunState, Transition, advance,
};
use mobius_types::{JsonObject, Timestamp};
use serde_json::{Value, json};

/// Compiles a spec that must be right.
pub(crate) fn definition(spec: Value) -> Definition {
    Definition::compile(serde_json::from_value(spec).unwrap()).unwrap()
}

/// A run and the jobs of it that have not ended.
pub(crate) struct Simulation {
    pub(crate) definition: Definition,
    pub(crate) inputs: JsonObject,
    pub(crate) facts: RunFacts,
    pub(crate) limits: Limits,
    pub(crate) state: RunState,
    pub(crate) open: Vec<NewJob>,
    /// How the run ended: its result or its error.
    pub(crate) ended: Option<Result<Value, JobError>>,
}

impl Simulation {
    pub(crate) fn new(spec: Value) -> Self {
        Self {
            definition: definition(spec),
            inputs: JsonObject::new(),
            facts: RunFacts {
                id: "run_1".to_owned(),
                attempt: 1,
                ..RunFacts::default()
            },
            limits: Limits::default(),
            state: RunState::default(),
            open: Vec::new(),
            ended: None,
        }
    }

    /// A run of a spec that was started.
    pub(crate) fn started(spec: Value) -> Self {
        let mut simulation = Self::new(spec);
        simulation.apply(Event::Started);
        simulation
    }

    pub(crate) fn decide(&self, event: Event) -> Result<Transition, Rejected> {
        let run = Run {
            definition: &self.definition,
            inputs: &self.inputs,
            facts: &self.facts,
            limits: &self.limits,
            state: &self.state,
        };
        advance(&run, event, Timestamp::UNIX_EPOCH)
    }

    /// Applies an event that must not be rejected; gives the actions in short form.
    pub(crate) fn apply(&mut self, event: Event) -> Vec<String> {
        let transition = self.decide(event).unwrap();
        self.state = transition.state;
        let shown = transition.actions.iter().map(show).collect();
        for action in transition.actions {
            self.carry_out(action);
        }
        shown
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::EnqueueJob(job) => {
                assert!(
                    self.open.iter().all(|open| open.job != job.job),
                    "{job:?} is not new"
                );
                self.open.push(job);
            }
            Action::CompleteJob { job } | Action::FailJob { job, .. } => {
                let before = self.open.len();
                self.open.retain(|open| open.job != job);
                assert!(
                    self.open.len() < before || self.ended.is_some(),
                    "{job:?} is not open"
                );
            }
            Action::RetryJob { job, .. } | Action::RescueJob { job } => {
                assert!(
                    self.open.iter().any(|open| open.job == job),
                    "{job:?} is not open"
                );
            }
            Action::StopJobs => self.open.clear(),
            Action::CompleteRun { result } => self.end(Ok(Value::Object(result))),
            Action::FailRun { error } => self.end(Err(error)),
        }
    }

    fn end(&mut self, outcome: Result<Value, JobError>) {
        assert!(self.ended.is_none(), "a run ends once");
        assert!(self.open.is_empty(), "no job outlives its run");
        self.ended = Some(outcome);
    }

    /// The open job of a step.
    pub(crate) fn job(&self, step: &str) -> &NewJob {
        let mut jobs = self.open.iter().filter(|job| job.step == step);
        jobs.next()
            .unwrap_or_else(|| panic!("step {step} has no open job"))
    }

    pub(crate) fn succeed(&mut self, step: &str, result: Value) -> Vec<String> {
        let job = self.job(step).job.clone();
        self.apply(Event::JobSucceeded { job, result })
    }

    /// The first attempt fails.
    pub(crate) fn fail(&mut self, step: &str, kind: &str) -> Vec<String> {
        let job = self.job(step).job.clone();
        self.apply(failure(job, kind, RetryProgress::default(), 1))
    }

    pub(crate) fn steps(&self) -> Vec<&str> {
        let mut steps: Vec<_> = self.open.iter().map(|job| job.step.as_str()).collect();
        steps.sort_unstable();
        steps
    }

    pub(crate) fn result(&self) -> &Value {
        self.ended.as_ref().unwrap().as_ref().unwrap()
    }

    pub(crate) fn error(&self) -> &JobError {
        self.ended.as_ref().unwrap().as_ref().unwrap_err()
    }
}

pub(crate) fn failure(job: JobRef, kind: &str, progress: RetryProgress, attempt: i32) -> Event {
    Event::JobFailed {
        job,
        error: JobError {
            kind: kind.to_owned(),
            message: "boom".to_owned(),
            details: Some(json!({"code": 7})),
        },
        progress,
        attempt,
        jitter: 0.5,
    }
}

/// An action in short form.
pub(crate) fn show(action: &Action) -> String {
    match action {
        Action::EnqueueJob(new) => format!(
            "enqueue {} at {} (attempts {}, timeout {:?})",
            id(&new.job),
            new.step,
            new.max_attempts,
            new.timeout
        ),
        Action::CompleteJob { job } => format!("complete {}", id(job)),
        Action::RetryJob {
            job,
            progress,
            delay,
            timeout,
            max_attempts,
            error,
        } => format!(
            "retry {} after {delay:?} (policy {:?}, retries {}, attempts {max_attempts}, \
             timeout {timeout:?}, {})",
            id(job),
            progress.policy,
            progress.retries,
            error.kind
        ),
        Action::RescueJob { job } => format!("rescue {}", id(job)),
        Action::FailJob { job, error } => format!("fail {} ({})", id(job), error.kind),
        Action::StopJobs => "stop jobs".to_owned(),
        Action::CompleteRun { result } => {
            format!("complete run {}", Value::Object(result.clone()))
        }
        Action::FailRun { error } => format!("fail run: {}", error.message),
    }
}

fn id(job: &JobRef) -> String {
    format!("{}#{}", job.branch, job.visit)
}
