//! Invariants that hold for any workflow and any order of events.

use mobius_engine::{Action, Event, Limits, RetryProgress, RunState};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::simulation::{Simulation, failure, show};

/// A spec of up to five steps with random edges, conditions, branches, retries and clauses.
fn specs() -> impl Strategy<Value = Value> {
    (1_usize..=5).prop_flat_map(|count| {
        let condition = prop_oneof![
            3 => Just(None),
            1 => Just(Some("state.x > 2")),
            1 => Just(Some("state.x")),
            1 => Just(Some("state.missing == 1")),
        ];
        let edge = (0..count, condition, any::<bool>());
        let edges = prop::collection::vec(edge, 0..3);
        let catch = prop::option::of((0..count, prop_oneof![Just("all"), Just("boom")]));
        let step = (edges, catch, any::<bool>(), any::<bool>(), 0_usize..3);
        prop::collection::vec(step, count).prop_map(|steps| {
            let steps: Vec<Value> = steps.into_iter().enumerate().map(build_step).collect();
            json!({"name": "w", "state": {"x": 1}, "steps": steps})
        })
    })
}

type StepShape = (
    Vec<(usize, Option<&'static str>, bool)>,
    Option<(usize, &'static str)>,
    bool,
    bool,
    usize,
);

fn build_step((at, (edges, catch, first, store, retries)): (usize, StepShape)) -> Value {
    let mut next: Vec<Value> = Vec::new();
    for (index, (target, condition, named)) in edges.into_iter().enumerate() {
        let mut edge = json!({"step": format!("s{target}")});
        if let Some(condition) = condition {
            edge["condition"] = json!(condition);
        }
        if named {
            edge["branch"] = json!(format!("b{at}-{index}"));
        }
        next.push(edge);
    }
    // The chain makes every step reachable.
    next.push(json!({"step": format!("s{}", at + 1), "condition": "state.x == 3"}));
    let mut step = json!({
        "name": format!("s{at}"), "action": "a", "next": next,
        "edge_matching_strategy": if first { "first" } else { "all" },
        "parameters": {"x": "${state.x}", "text": "x is ${state.x}"},
    });
    if store {
        step["store"] = json!("x");
    }
    if let Some((target, pattern)) = catch {
        step["catch"] =
            json!([{"error_equals": [pattern], "next": format!("s{target}"), "store": "x"}]);
    }
    if retries > 0 {
        step["retry"] = json!([{"max_retries": retries, "error_equals": ["boom"]}]);
    }
    step
}

/// The last step's edge leads behind the end, where there is none.
fn close_chain(mut spec: Value) -> Value {
    let steps = spec["steps"].as_array_mut().unwrap();
    if let Some(last) = steps.last_mut() {
        last["next"].as_array_mut().unwrap().pop();
    }
    spec
}

fn simulation(spec: Value) -> Simulation {
    let mut run = Simulation::new(close_chain(spec));
    run.limits = Limits {
        max_jobs: 40,
        max_branches: 12,
        ..Limits::default()
    };
    run
}

/// An event for one of the open jobs, chosen by the numbers.
fn event(run: &Simulation, which: usize, outcome: u8) -> Event {
    let job = run.open[which % run.open.len()].job.clone();
    let exhausted = RetryProgress {
        policy: Some(0),
        retries: 9,
    };
    match outcome % 6 {
        0..=2 => Event::JobSucceeded {
            job,
            result: json!(outcome % 5),
        },
        3 => failure(job, "boom", RetryProgress::default(), 1),
        4 => failure(job, "boom", exhausted, 9),
        _ => Event::LeaseExpired {
            job,
            rescues: i32::from(outcome % 2) * 9,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_run_always_ends_and_loses_no_branch(
        spec in specs(),
        choices in prop::collection::vec((any::<usize>(), any::<u8>()), 60),
    ) {
        let mut run = simulation(spec);
        run.apply(Event::Started);
        for (which, outcome) in choices {
            if run.ended.is_some() {
                break;
            }
            prop_assert!(!run.open.is_empty(), "a run that goes on waits for something");
            let event = event(&run, which, outcome);
            run.apply(event);
        }
        // Whatever is left succeeds; the limit on jobs ends every loop.
        for _ in 0..200 {
            if run.ended.is_some() {
                break;
            }
            let job = run.open[0].job.clone();
            run.apply(Event::JobSucceeded { job, result: json!(3) });
        }
        prop_assert!(run.ended.is_some());
        prop_assert!(run.state.has_ended());
        prop_assert!(run.open.is_empty());
    }

    #[test]
    fn the_same_events_give_the_same_run_also_through_the_database(
        spec in specs(),
        choices in prop::collection::vec((any::<usize>(), any::<u8>()), 30),
    ) {
        let mut kept = simulation(spec.clone());
        let mut stored = simulation(spec);
        kept.apply(Event::Started);
        stored.apply(Event::Started);
        for (which, outcome) in choices {
            if kept.ended.is_some() {
                break;
            }
            let event = event(&kept, which, outcome);
            let written = serde_json::to_string(&stored.state).unwrap();
            stored.state = serde_json::from_str::<RunState>(&written).unwrap();
            prop_assert_eq!(kept.apply(event.clone()), stored.apply(event));
            prop_assert_eq!(&kept.state, &stored.state);
        }
    }

    #[test]
    fn an_event_is_applied_once(spec in specs(), outcome in any::<u8>()) {
        let mut run = simulation(spec);
        run.apply(Event::Started);
        if run.ended.is_none() {
            let event = event(&run, 0, outcome);
            let first = run.decide(event.clone()).unwrap();
            run.state = first.state;
            let ends_the_job = first.actions.iter().any(|action| {
                matches!(action, Action::CompleteJob { .. } | Action::FailJob { .. })
            });
            if ends_the_job && !run.state.has_ended() {
                let again = run.decide(event);
                prop_assert!(again.is_err(), "{:?}", again.map(|t| t.actions.iter().map(show).collect::<Vec<_>>()));
            }
        }
    }

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
