//! Invariants that hold for any workflow and any order of events.
//!
//! More than a hundred thousand cases in all. A case is a list of numbers that decides a spec and
//! what happens to its run.

mod choices;
mod drive;
mod specs;

use mobius_engine::{RetryFrom, RunState};
use proptest::prelude::*;
use serde_json::json;

use crate::simulation::{Simulation, show};
use choices::Choices;
use drive::{Drive, limits};

/// Failures that would come again however often the run is retried.
const INHERENT: [&str; 4] = [
    "branch_conflict",
    "expression_error",
    "join_unsatisfiable",
    "limit_exceeded",
];

fn numbers() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 20..160)
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

/// A run to which things have happened as the numbers say.
fn driven(numbers: Vec<u16>) -> Drive {
    let mut choices = Choices::new(numbers);
    let mut drive = Drive::new(specs::spec(&mut choices));
    while choices.are_left() {
        drive.advance(&mut choices);
    }
    drive
}

proptest! {
    #![proptest_config(cases(30_000))]

    #[test]
    fn a_run_always_ends(numbers in numbers()) {
        let mut drive = driven(numbers);
        drive.finish();
        prop_assert!(drive.run.state.has_ended());
    }

    #[test]
    fn the_recorded_events_give_the_same_run(numbers in numbers()) {
        let drive = driven(numbers);
        let mut again = Simulation::new(drive.spec.clone());
        again.limits = limits();
        for (event, now, attempt, shown) in drive.history {
            again.now = now;
            again.facts.attempt = attempt;
            let written = serde_json::to_string(&again.state).unwrap();
            again.state = serde_json::from_str::<RunState>(&written).unwrap();
            let transition = again.decide(event.clone()).unwrap();
            let actions: Vec<_> = transition.actions.iter().map(show).collect();
            prop_assert_eq!(actions, shown);
            again.replay(event, transition);
        }
        prop_assert_eq!(again.state, drive.run.state);
    }
}

proptest! {
    #![proptest_config(cases(25_000))]

    #[test]
    fn a_cancelled_run_ends_with_the_last_job_that_a_worker_held(numbers in numbers()) {
        let mut drive = driven(numbers);
        if drive.run.ended.is_none() && !drive.run.state.is_cancelling() {
            let held = drive.held();
            drive.cancel();
            for left in (1..=held).rev() {
                prop_assert!(drive.run.state.is_cancelling(), "{} jobs are held", left);
                drive.stop_one();
            }
            prop_assert!(drive.run.state.has_ended());
            prop_assert_eq!(&drive.run.error().kind, "cancelled");
        }
    }

    #[test]
    fn a_retried_run_completes_when_nothing_fails_any_more(numbers in numbers()) {
        let mut drive = driven(numbers);
        drive.finish();
        let is_failed = matches!(&drive.run.ended, Some(Err(_)));
        if is_failed && !INHERENT.contains(&drive.run.error().kind.as_str()) {
            drive.retry(RetryFrom::Failure);
            drive.finish();
        }
        if let Some(Err(error)) = &drive.run.ended {
            prop_assert!(INHERENT.contains(&error.kind.as_str()), "{:?}", error);
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_result_survives_a_load(number in any::<f64>(), text in ".{0,20}") {
        prop_assume!(number.is_finite());
        let mut run = Simulation::started(json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "store": "x", "next": [{"step": "a"}]},
        ]}));
        let result = mobius_engine::result_value(Some(json!([number, text]).to_string().as_bytes()));
        run.succeed("a", result);
        let written = serde_json::to_string(&run.state).unwrap();
        prop_assert_eq!(serde_json::from_str::<RunState>(&written).unwrap(), run.state);
    }
}
