//! The lease protocol as a small model, explored exhaustively: every order of claims, heartbeats,
//! reports, lost answers, expiries and late schedulers.
//!
//! The model says what the SQL must do. The same model without its guards shows that the checks
//! would notice.

use std::collections::BTreeSet;

use stateright::{Checker, Model, Property};

/// How often the job may be claimed, which bounds the model.
const MAX_ATTEMPTS: u8 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Job {
    Pending,
    Claimed { worker: Worker, is_expired: bool },
    Completed { by: Fence },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Worker {
    Ann,
    Bob,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Fence {
    worker: Worker,
    attempt: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    job: Job,
    attempt: u8,
    /// Every fence that was ever handed out; its worker may act on it at any time, and repeatedly.
    fences: Vec<Fence>,
    /// The attempts that schedulers have seen expired, and may settle at any time.
    found: BTreeSet<u8>,
    /// Which fences were told that their completion counts.
    accepted: Vec<Fence>,
    /// How often the run was moved on.
    advances: u8,
    /// Whether a lease was taken away that was not expired.
    robbed: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    Claim(Worker),
    LeaseRunsOut,
    Heartbeat(Fence),
    Complete(Fence),
    /// A scheduler looks for expired leases …
    Find,
    /// … and settles what it found, maybe much later.
    Rescue(u8),
}

/// Which guard is left out.
#[derive(Clone, Copy, PartialEq)]
enum Without {
    Nothing,
    /// A report counts from whoever is, or was, a holder.
    Fence,
    /// A rescue does not look whether the lease is expired still.
    ExpiryCheck,
    /// A rescue does not look which attempt it is about.
    AttemptCheck,
}

struct Lease(Without);

impl Lease {
    fn holds(&self, state: &State, fence: Fence) -> bool {
        match state.job {
            Job::Claimed { worker, .. } => {
                let is_holder = worker == fence.worker && state.attempt == fence.attempt;
                is_holder || self.0 == Without::Fence
            }
            Job::Pending => self.0 == Without::Fence,
            Job::Completed { .. } => false,
        }
    }

    fn rescue(&self, state: &mut State, attempt: u8) {
        let Job::Claimed { is_expired, .. } = state.job else {
            return;
        };
        let is_this = state.attempt == attempt || self.0 == Without::AttemptCheck;
        if is_this && (is_expired || self.0 == Without::ExpiryCheck) {
            state.job = Job::Pending;
            state.robbed |= !is_expired || state.attempt != attempt;
        }
    }
}

impl Model for Lease {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            job: Job::Pending,
            attempt: 0,
            fences: Vec::new(),
            found: BTreeSet::new(),
            accepted: Vec::new(),
            advances: 0,
            robbed: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        match state.job {
            Job::Pending if state.attempt < MAX_ATTEMPTS => {
                steps.extend([Step::Claim(Worker::Ann), Step::Claim(Worker::Bob)]);
            }
            Job::Claimed {
                is_expired: false, ..
            } => steps.push(Step::LeaseRunsOut),
            Job::Claimed {
                is_expired: true, ..
            } => steps.push(Step::Find),
            Job::Pending | Job::Completed { .. } => {}
        }
        for fence in &state.fences {
            steps.extend([Step::Heartbeat(*fence), Step::Complete(*fence)]);
        }
        steps.extend(state.found.iter().copied().map(Step::Rescue));
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Claim(worker) => {
                state.attempt += 1;
                let attempt = state.attempt;
                state.job = Job::Claimed {
                    worker,
                    is_expired: false,
                };
                state.fences.push(Fence { worker, attempt });
            }
            Step::LeaseRunsOut => {
                if let Job::Claimed { is_expired, .. } = &mut state.job {
                    *is_expired = true;
                }
            }
            Step::Heartbeat(fence) => {
                if self.holds(before, fence)
                    && let Job::Claimed { is_expired, .. } = &mut state.job
                {
                    *is_expired = false;
                }
            }
            Step::Complete(fence) => {
                if self.holds(before, fence) {
                    state.job = Job::Completed { by: fence };
                    state.advances += 1;
                }
                // A repeated report of the one that counts is told so again.
                let counts = state.job == Job::Completed { by: fence };
                if counts && !state.accepted.contains(&fence) {
                    state.accepted.push(fence);
                }
            }
            Step::Find => {
                state.found.insert(before.attempt);
            }
            Step::Rescue(attempt) => self.rescue(&mut state, attempt),
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the run moves on once", |_, state: &State| {
                state.advances <= 1 && state.accepted.len() <= 1
            }),
            Property::always(
                "only the newest attempt completes",
                |_, state: &State| match state.job {
                    Job::Completed { by } => by.attempt == state.attempt,
                    Job::Pending | Job::Claimed { .. } => true,
                },
            ),
            Property::always("no live lease is taken away", |_, state: &State| {
                !state.robbed
            }),
            Property::sometimes(
                "a rescued job completes",
                |_, state: &State| matches!(state.job, Job::Completed { by } if by.attempt == 2),
            ),
            Property::sometimes(
                "the last attempt completes",
                |_, state: &State| matches!(state.job, Job::Completed { by } if by.attempt == MAX_ATTEMPTS),
            ),
        ]
    }
}

#[test]
fn the_protocol_holds_in_every_order_of_steps() {
    let checked = Lease(Without::Nothing).checker().spawn_bfs().join();
    checked.assert_properties();
    assert!(
        checked.unique_state_count() > 90,
        "{}",
        checked.unique_state_count()
    );
}

#[test]
fn the_checks_notice_a_report_without_a_fence() {
    let checked = Lease(Without::Fence).checker().spawn_bfs().join();
    assert!(
        checked
            .discovery("only the newest attempt completes")
            .is_some()
    );
}

#[test]
fn the_checks_notice_a_rescue_that_looks_at_too_little() {
    for without in [Without::ExpiryCheck, Without::AttemptCheck] {
        let checked = Lease(without).checker().spawn_bfs().join();
        assert!(checked.discovery("no live lease is taken away").is_some());
    }
}
