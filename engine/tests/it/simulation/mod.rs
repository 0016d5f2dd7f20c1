//! A run in memory: what the store would do, without a database. It checks on the way that every
//! action fits what is there.

mod carry_out;
mod fan_outs;
mod show;

use std::collections::{BTreeMap, HashSet};

use mobius_engine::{
    Action, Definition, Event, JobError, JobRef, Limits, NewInteraction, NewJob, Rejected,
    RetryProgress, Run, RunFacts, RunState, Signal, Transition, advance,
};
use mobius_types::{JsonObject, SignalId, Timestamp};
use serde_json::{Value, json};

pub(crate) use fan_outs::{ItemStatus, RunningFanOut};
pub(crate) use show::show;

/// Compiles a spec that must be right.
pub(crate) fn definition(spec: Value) -> Definition {
    Definition::compile(serde_json::from_value(spec).unwrap()).unwrap()
}

/// What follows from an event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Decided {
    /// The run's new state.
    pub(crate) state: RunState,
    /// What to do, in order.
    pub(crate) actions: Vec<Action>,
}

/// A run and what the store keeps beside it.
pub(crate) struct Simulation {
    pub(crate) definition: Definition,
    pub(crate) inputs: JsonObject,
    pub(crate) facts: RunFacts,
    pub(crate) limits: Limits,
    pub(crate) state: RunState,
    pub(crate) now: Timestamp,
    /// The jobs that have not ended.
    pub(crate) open: Vec<NewJob>,
    /// Those of them that workers hold.
    pub(crate) claimed: HashSet<JobRef>,
    /// Jobs that workers hold although nothing waits for them any more.
    pub(crate) told_to_cancel: Vec<JobRef>,
    pub(crate) timers: Vec<(JobRef, Timestamp)>,
    pub(crate) interactions: Vec<NewInteraction>,
    pub(crate) fan_outs: Vec<RunningFanOut>,
    /// The signals that nothing has consumed, oldest first.
    pub(crate) signals: Vec<Signal>,
    /// Who consumed which signal.
    pub(crate) consumed: BTreeMap<SignalId, JobRef>,
    /// Every step execution that ever was.
    seen: HashSet<JobRef>,
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
            now: Timestamp::UNIX_EPOCH,
            open: Vec::new(),
            claimed: HashSet::new(),
            told_to_cancel: Vec::new(),
            timers: Vec::new(),
            interactions: Vec::new(),
            fan_outs: Vec::new(),
            signals: Vec::new(),
            consumed: BTreeMap::new(),
            seen: HashSet::new(),
            ended: None,
        }
    }

    /// A run of a spec that was started.
    pub(crate) fn started(spec: Value) -> Self {
        let mut simulation = Self::new(spec);
        simulation.apply(Event::Started);
        simulation
    }

    pub(crate) fn run(&self) -> Run<'_> {
        let signals = match self.state.stored_signals() {
            0 => &[],
            _ => self.signals.as_slice(),
        };
        Run {
            definition: &self.definition,
            inputs: &self.inputs,
            facts: &self.facts,
            limits: &self.limits,
            signals,
        }
    }

    /// What follows from an event, without carrying it out.
    pub(crate) fn decide(&self, event: Event) -> Result<Decided, Rejected> {
        let mut state = self.state.clone();
        let decided = advance(&self.run(), &mut state, event, self.now);
        let is_other = state != self.state;
        match decided {
            Ok(Transition { actions, moved }) => {
                assert_eq!(moved, is_other, "{actions:?}");
                assert!(state.is_accounted(), "{state:?}");
                Ok(Decided { state, actions })
            }
            Err(rejected) => {
                assert!(!is_other, "{rejected} has changed the state");
                Err(rejected)
            }
        }
    }

    /// Applies an event that must not be rejected; gives the actions in short form.
    pub(crate) fn apply(&mut self, event: Event) -> Vec<String> {
        self.try_apply(event).unwrap()
    }

    /// Applies an event; nothing has changed when it is rejected.
    pub(crate) fn try_apply(&mut self, event: Event) -> Result<Vec<String>, Rejected> {
        let transition = self.decide(event.clone())?;
        let shown = transition.actions.iter().map(show).collect();
        self.follow(&event, transition);
        Ok(shown)
    }

    /// Carries out what follows from an event.
    fn follow(&mut self, event: &Event, transition: Decided) {
        if matches!(event, Event::RetryRequested { .. }) {
            self.ended = None;
        }
        if let Event::SignalReceived { signal } = event {
            self.signals.push(signal.clone());
        }
        self.state = transition.state;
        for action in transition.actions {
            self.carry_out(action);
        }
        assert_eq!(
            self.state.stored_signals() as usize,
            self.signals.len(),
            "the state counts the signals that are stored"
        );
    }

    /// Takes the new state over, with the signals that the next transition sees, and nothing else.
    pub(crate) fn replay(&mut self, event: Event, transition: Decided) {
        if let Event::SignalReceived { signal } = event {
            self.signals.push(signal);
        }
        self.state = transition.state;
        for action in transition.actions {
            if let Action::ConsumeSignal { signal, .. } = action {
                self.signals.retain(|stored| stored.id != signal);
            }
        }
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

    /// A new signal is sent.
    pub(crate) fn signal(&mut self, name: &str, payload: Value) -> Vec<String> {
        self.apply(signal(name, payload))
    }

    /// The only open question is answered.
    pub(crate) fn answer(&mut self, response: Value) -> Vec<String> {
        let job = self.interactions.remove(0).job;
        self.apply(Event::InteractionAnswered { job, response })
    }

    /// The time of the timer that is due first comes, and it fires.
    pub(crate) fn fire(&mut self) -> Vec<String> {
        self.timers.sort_by_key(|(_, fires_at)| *fires_at);
        let (job, fires_at) = self.timers.remove(0);
        self.now = self.now.max(fires_at);
        self.apply(Event::TimerFired { job })
    }

    /// The steps that have open jobs, sorted.
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

pub(crate) fn signal(name: &str, payload: Value) -> Event {
    let Value::Object(payload) = payload else {
        panic!("a payload is an object");
    };
    Event::SignalReceived {
        signal: Signal {
            id: SignalId::generate(),
            name: name.to_owned(),
            payload,
        },
    }
}

pub(crate) fn failure(job: JobRef, kind: &str, progress: RetryProgress, attempt: i32) -> Event {
    Event::JobFailed {
        job,
        error: boom(kind),
        progress,
        attempt,
        jitter: 0.5,
    }
}

pub(crate) fn boom(kind: &str) -> JobError {
    JobError {
        kind: kind.to_owned(),
        message: "boom".to_owned(),
        details: Some(json!({"code": 7})),
    }
}
