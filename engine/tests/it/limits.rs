//! Runs that would grow without bound fail, and only they.

use std::time::{Duration, Instant};

use mobius_engine::{Event, Limits, RunState};
use serde_json::{Value, json};

use crate::simulation::Simulation;

#[test]
fn a_loop_without_end_fails_at_the_largest_number_of_jobs() {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": [{"step": "a"}],
         "catch": [{"error_equals": ["all"], "next": "a"}]},
    ]}));
    run.limits = Limits {
        max_jobs: 10,
        ..Limits::default()
    };
    run.apply(Event::Started);
    for _ in 0..10 {
        run.succeed("a", json!(null));
    }
    assert_eq!(run.error().kind, "limit_exceeded");
    assert!(run.error().message.contains("more than 10 step executions"));
}

#[test]
fn too_many_branches_fail_the_run() {
    let edges = vec![json!({"step": "b"}); 6];
    let spec = json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": edges}, {"name": "b", "action": "a"},
    ]});
    for (max_branches, ends) in [(5, true), (6, false)] {
        let mut run = Simulation::new(spec.clone());
        run.limits = Limits {
            max_branches,
            ..Limits::default()
        };
        run.apply(Event::Started);
        run.succeed("a", json!(null));
        assert_eq!(run.ended.is_some(), ends);
    }
}

#[test]
fn variables_that_outgrow_the_state_fail_the_run() {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "store": "x", "next": [{"step": "b"}, {"step": "b"}]},
        {"name": "b", "action": "a"},
    ]}));
    run.limits = Limits {
        max_state_bytes: 1_000,
        ..Limits::default()
    };
    run.apply(Event::Started);
    let mut larger = Simulation::new(serde_json::to_value(run.definition.spec()).unwrap());
    larger.limits = run.limits;
    larger.apply(Event::Started);
    run.succeed("a", json!("x".repeat(250)));
    assert!(run.ended.is_none());
    larger.succeed("a", json!("x".repeat(600)));
    assert!(larger.error().message.contains("larger than 1000 bytes"));
}

#[test]
fn a_loop_of_caught_failures_ends_within_one_transition() {
    let started = Instant::now();
    let run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "parameters": {"x": "${state.nothing}"},
         "catch": [{"error_equals": ["all"], "next": "a", "store": "e"}]},
    ]}));
    assert_eq!(run.error().kind, "limit_exceeded");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn many_copies_of_large_parameters_fail_the_run() {
    let edges = vec![json!({"step": "b"}); 4_000];
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": edges},
        {"name": "b", "action": "a", "parameters": {"text": "x".repeat(60_000)}},
    ]}));
    run.succeed("a", json!(null));
    assert_eq!(run.error().kind, "limit_exceeded");
}

#[test]
fn a_run_that_fails_at_the_limit_keeps_nothing_that_is_over_it() {
    let edges = vec![json!({"step": "b"}); 50];
    let outputs = json!([{"name": "o", "variable": "y", "branch": "main"}]);
    let spec = json!({"name": "w", "outputs": outputs, "steps": [
        {"name": "a", "action": "a", "store": "x", "next": edges},
        {"name": "b", "action": "a", "store": "y"},
    ]});
    for result in ["x".repeat(900), "x".repeat(5_000)] {
        let mut run = Simulation::new(spec.clone());
        run.limits = Limits {
            max_state_bytes: 1_000,
            ..Limits::default()
        };
        run.apply(Event::Started);
        run.succeed("a", json!(result));
        assert_eq!(run.error().kind, "limit_exceeded");
        let stored = serde_json::to_vec(&run.state).unwrap().len();
        assert!(stored < 1_500, "{stored} bytes are stored");
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

/// Whether the state can be written and read again.
fn is_readable(run: &Simulation) -> bool {
    let stored = serde_json::to_string(&run.state).unwrap();
    serde_json::from_str::<RunState>(&stored).is_ok_and(|read| read == run.state)
}

#[test]
fn a_join_in_a_loop_that_nests_its_variables_ever_deeper_fails_the_run() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "sleep": {"duration": "1s"}, "next": [
            {"step": "work", "branch": "b"}, {"step": "join", "branch": "j"}]},
        {"name": "work", "sleep": {"duration": "1s"}},
        {"name": "join", "join": {"branches": ["b"], "branch_mappings": {"b": "all"}},
         "next": [{"step": "fork"}]},
    ]}));
    while run.ended.is_none() {
        run.fire();
        assert!(is_readable(&run));
    }
    assert_eq!(run.error().kind, "limit_exceeded");
    let message = "variable `all` would be nested deeper than 100 levels";
    assert!(
        run.error().message.ends_with(message),
        "{}",
        run.error().message
    );
}

#[test]
fn whatever_is_stored_of_deep_values_can_be_read_again() {
    let spec = json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "store": "x", "next": [{"step": "b"}]},
        {"name": "b", "action": "a"},
    ]});
    for (levels, fits) in [(100, true), (101, false)] {
        let mut run = Simulation::started(spec.clone());
        run.succeed("a", nested(levels));
        assert_eq!(run.ended.is_none(), fits, "{levels} levels");
        assert!(is_readable(&run));
    }
}

#[test]
fn a_run_that_goes_round_without_waiting_is_told_so() {
    for steps in [
        json!([{"name": "a", "sleep": {"duration": "0s"}, "next": [{"step": "a"}]}]),
        json!([{"name": "a", "sleep": {"duration": "0s"}, "next": [{"step": "a", "branch": "b"}]}]),
        json!([{"name": "a", "join": {}, "next": [{"step": "a"}]}]),
    ] {
        let run = Simulation::started(json!({"name": "w", "steps": steps}));
        assert_eq!(run.error().kind, "limit_exceeded");
        let message = &run.error().message;
        assert!(
            message.contains("goes round without ever waiting"),
            "{message}"
        );
    }
}
