//! Lets everything happen to a run that can, in an order that choices decide, and checks after
//! each event that the run and what lies beside it agree.

use mobius_engine::{Event, JobRef, Limits, RetryFrom, RetryProgress, RunState};
use mobius_types::{SignalId, Timestamp};
use serde_json::{Value, json};

use super::{choices::Choices, specs};
use crate::simulation::{ItemStatus, Simulation, failure};

/// A run that fails again and again is not worth more.
const MAX_ATTEMPTS: i32 = 4;

/// A run, and everything that has happened to it.
pub(super) struct Drive {
    pub(super) run: Simulation,
    pub(super) spec: Value,
    /// Each event with its time and the run's attempt, and what was to be done.
    pub(super) history: Vec<(Event, Timestamp, i32, Vec<String>)>,
    signals: u128,
}

/// What can happen next.
#[derive(Clone, Debug)]
enum Move {
    Claim(JobRef),
    Report(JobRef),
    MakeItems(JobRef),
    EndItem(JobRef, usize),
    Fire,
    Signal,
    Answer,
    Resume,
    Cancel,
    Retry,
    /// A worker that was told to cancel stops.
    Stop,
}

pub(super) fn limits() -> Limits {
    Limits {
        max_jobs: 40,
        max_branches: 10,
        max_items: 8,
        max_stored_signals: 3,
        max_state_bytes: 4_000,
        ..Limits::default()
    }
}

impl Drive {
    pub(super) fn new(spec: Value) -> Self {
        let mut run = Simulation::new(spec.clone());
        run.limits = limits();
        let mut drive = Self {
            run,
            spec,
            history: Vec::new(),
            signals: 0,
        };
        drive.apply(Event::Started);
        drive
    }

    /// One thing happens. What an operator does to the whole run is rare.
    pub(super) fn advance(&mut self, choices: &mut Choices) {
        let moves = self.moves(choices.once_in(16));
        if let Some(next) = moves.get(choices.of(moves.len().max(1))) {
            self.carry_out(next.clone(), choices);
        }
    }

    fn moves(&self, operates: bool) -> Vec<Move> {
        let run = &self.run;
        let mut moves = Vec::new();
        if run.ended.is_some() {
            moves.extend((!run.told_to_cancel.is_empty()).then_some(Move::Stop));
            let is_failed = run.ended.as_ref().is_some_and(Result::is_err);
            let may_retry = is_failed && run.facts.attempt < MAX_ATTEMPTS;
            moves.extend(may_retry.then_some(Move::Retry));
            return moves;
        }
        for job in &run.open {
            moves.push(Move::Report(job.job.clone()));
            if !run.claimed.contains(&job.job) {
                moves.push(Move::Claim(job.job.clone()));
            }
        }
        for fan_out in run.fan_outs.iter().filter(|row| row.is_going()) {
            let job = &fan_out.new.job;
            if fan_out.counters.created < fan_out.counters.items {
                moves.push(Move::MakeItems(job.clone()));
            }
            let pending = fan_out.items.iter().position(|(_, status)| {
                matches!(status, ItemStatus::Pending | ItemStatus::Claimed)
            });
            moves.extend(pending.map(|at| Move::EndItem(job.clone(), at)));
        }
        moves.extend((!run.timers.is_empty()).then_some(Move::Fire));
        moves.extend((!run.interactions.is_empty()).then_some(Move::Answer));
        moves.extend((!run.told_to_cancel.is_empty()).then_some(Move::Stop));
        if !run.state.is_cancelling() {
            moves.extend([Move::Signal, Move::Resume]);
            moves.extend(operates.then_some(Move::Cancel));
        }
        moves
    }

    fn carry_out(&mut self, next: Move, choices: &mut Choices) {
        match next {
            Move::Claim(job) => {
                self.run.claimed.insert(job);
            }
            Move::Report(job) => self.report(job, choices),
            Move::MakeItems(job) => self.make_items(&job, 1 + choices.of(2) as u32),
            Move::EndItem(job, at) => {
                let result = match choices.of(4) {
                    0..=2 => Ok(json!(at)),
                    _ => Err("boom"),
                };
                self.end_item(&job, at, result);
            }
            Move::Fire => self.fire(),
            Move::Signal => self.signal(specs::topic(choices)),
            Move::Answer => self.answer(),
            Move::Resume => self.apply(Event::Resumed),
            Move::Cancel => self.cancel(),
            Move::Retry => {
                let from = [RetryFrom::Failure, RetryFrom::Start][choices.of(2)];
                self.retry(from);
            }
            Move::Stop => self.stop_one(),
        }
    }

    fn report(&mut self, job: JobRef, choices: &mut Choices) {
        let spent = RetryProgress {
            policy: Some(0),
            retries: 1,
        };
        self.run.claimed.insert(job.clone());
        self.apply(match choices.of(8) {
            0..=4 => Event::JobSucceeded {
                job,
                result: json!(choices.of(3)),
            },
            5 => failure(job, "boom", RetryProgress::default(), 1),
            6 => failure(job, "boom", spent, 2),
            _ => Event::LeaseExpired {
                job,
                rescues: 5 * choices.of(2) as i32,
            },
        });
    }

    fn make_items(&mut self, job: &JobRef, count: u32) {
        let before = self.run.fan_outs.len();
        if let Some(event) = self.run.next_items(job, count) {
            self.apply(event);
        }
        assert!(self.run.fan_outs.len() >= before);
    }

    fn end_item(&mut self, job: &JobRef, at: usize, result: Result<Value, &str>) {
        if let Some(event) = self.run.settle(job, at, result) {
            self.apply(event);
        }
    }

    fn fire(&mut self) {
        self.run.timers.sort_by_key(|(_, fires_at)| *fires_at);
        let (job, fires_at) = self.run.timers.remove(0);
        self.run.now = self.run.now.max(fires_at);
        self.apply(Event::TimerFired { job });
    }

    fn signal(&mut self, name: &str) {
        self.signals += 1;
        self.apply(Event::SignalReceived {
            signal: mobius_engine::Signal {
                id: SignalId::from(uuid::Uuid::from_u128(self.signals)),
                name: name.to_owned(),
                payload: [("n".to_owned(), json!(self.history.len()))]
                    .into_iter()
                    .collect(),
            },
        });
    }

    fn answer(&mut self) {
        let job = self.run.interactions.remove(0).job;
        let response = json!({"ok": true});
        self.apply(Event::InteractionAnswered { job, response });
    }

    /// How many jobs workers hold.
    pub(super) fn held(&self) -> usize {
        self.run.claimed.len() + self.run.told_to_cancel.len()
    }

    pub(super) fn cancel(&mut self) {
        let claimed = self.held() as u32;
        self.apply(Event::CancelRequested {
            reason: "cancelled".to_owned(),
            claimed,
        });
    }

    pub(super) fn retry(&mut self, from: RetryFrom) {
        self.run.facts.attempt += 1;
        self.apply(Event::RetryRequested { from });
    }

    /// A worker that was told to cancel reports what it likes.
    pub(super) fn stop_one(&mut self) {
        let job = self.run.told_to_cancel[0].clone();
        self.apply(match self.history.len() % 3 {
            0 => failure(job, "boom", RetryProgress::default(), 1),
            1 => Event::LeaseExpired { job, rescues: 0 },
            _ => Event::JobSucceeded {
                job,
                result: json!(1),
            },
        });
    }

    /// From now on all goes well: every job and item succeeds, every signal comes in time.
    pub(super) fn finish(&mut self) {
        for _ in 0..2_000 {
            if self.run.ended.is_some() {
                return;
            }
            let waits = self.waits();
            if let Some(job) = self.run.open.first() {
                let job = job.job.clone();
                let result = json!(1);
                self.apply(Event::JobSucceeded { job, result });
            } else if !self.run.told_to_cancel.is_empty() {
                self.stop_one();
            } else if let Some(at) = self.run.fan_outs.iter().position(|row| row.is_going()) {
                self.finish_items(at);
            } else if let Some(name) = waits
                .iter()
                .find_map(|waits| waits["signal"]["name"].as_str())
            {
                self.signal(name);
            } else if !self.run.interactions.is_empty() {
                self.answer();
            } else if waits.contains(&json!("resume")) {
                self.apply(Event::Resumed);
            } else {
                assert!(!self.run.timers.is_empty(), "the run waits for nothing");
                self.fire();
            }
        }
        panic!("the run does not end");
    }

    fn finish_items(&mut self, at: usize) {
        let fan_out = &self.run.fan_outs[at];
        let job = fan_out.new.job.clone();
        let pending = fan_out
            .items
            .iter()
            .position(|(_, status)| *status == ItemStatus::Pending);
        match pending {
            Some(at) => self.end_item(&job, at, Ok(json!(at))),
            None => self.make_items(&job, 2),
        }
    }

    /// An event happens. One that is rejected must change nothing.
    fn apply(&mut self, event: Event) {
        let (now, attempt) = (self.run.now, self.run.facts.attempt);
        if let Ok(shown) = self.run.try_apply(event.clone()) {
            self.history.push((event, now, attempt, shown));
            self.check();
        }
    }

    /// What the branches wait for, as it is stored.
    fn waits(&self) -> Vec<Value> {
        let state = serde_json::to_value(&self.run.state).expect("a state can be written");
        let branches = state["branches"].as_object().cloned().unwrap_or_default();
        let waits = |branch: &Value| branch.get("waits").cloned();
        let waits = branches
            .values()
            .map(|branch| waits(branch).unwrap_or_else(|| json!("job")));
        waits.collect()
    }

    /// The run and what lies beside it agree: nothing waits for what never comes, and nothing
    /// comes that no branch waits for.
    fn check(&mut self) {
        let written = serde_json::to_string(&self.run.state).expect("a state can be written");
        let read: RunState = serde_json::from_str(&written).expect("a state can be read");
        assert_eq!(read, self.run.state, "a load changes nothing");
        self.run.state = read;
        let run = &self.run;
        run.fan_outs.iter().for_each(|fan_out| fan_out.check());
        let going = run.fan_outs.iter().filter(|row| row.is_going()).count();
        if run.ended.is_some() || run.state.is_cancelling() {
            let open = run.open.len() + run.timers.len() + run.interactions.len() + going;
            assert_eq!(open, 0, "nothing goes on");
            assert_eq!(run.ended.is_some(), run.state.has_ended());
            return;
        }
        let waits = self.waits();
        let count = |names: &[&str]| {
            let is_named = |waits: &&Value| {
                let is = |name: &&str| waits.as_str() == Some(name) || waits.get(name).is_some();
                names.iter().any(is)
            };
            waits.iter().filter(is_named).count()
        };
        assert_eq!(count(&["job"]), run.open.len(), "jobs");
        assert_eq!(count(&["fan_out"]), going, "fan-outs");
        assert_eq!(
            count(&["signal", "time", "answer"]),
            run.timers.len(),
            "timers"
        );
        assert_eq!(count(&["answer"]), run.interactions.len(), "questions");
        let parked = count(&["signal", "time", "answer", "resume", "join"]);
        assert_eq!(run.state.is_parked(), parked == waits.len());
        assert!(
            parked > count(&["join"]) || !run.state.is_parked(),
            "something can happen"
        );
        assert_eq!(
            waits.len(),
            parked + run.open.len() + going,
            "every branch waits"
        );
    }
}
