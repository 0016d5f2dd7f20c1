//! Templates of every step kind that ask for too much fail their run soon, with a clear error.

#[cfg(target_os = "linux")]
mod process;

use std::time::{Duration, Instant};

use mobius_engine::{Action, Event, fan_out_items};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::simulation::Simulation;

/// What one transition may take.
const SOON: Duration = Duration::from_millis(50);
/// The best of several tries counts, because the first warms up.
const TRIES: usize = 3;

fn soon<T>(mut work: impl FnMut() -> T) -> T {
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..TRIES {
        let started = on_cpu();
        last = Some(work());
        best = best.min(on_cpu() - started);
    }
    assert!(best < SOON, "took {best:?}");
    last.expect("it was tried")
}

/// The time that this thread was executed: what else the machine does must not fail the test.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it does not run backwards")
}

/// Expressions over a list of ten thousand numbers and a long text.
fn hostile() -> Vec<String> {
    let grow = "state.long + ".repeat(100) + "state.long";
    vec![
        grow,
        "state.list.map(i, state.long)".to_owned(),
        "state.list.map(i, state.list)".to_owned(),
        "state.list.filter(i, state.long.matches('(a*)*b'))".to_owned(),
        "state.list.map(i, state.list.size())".to_owned(),
    ]
}

/// Makes a step of a template.
type StepOf = Box<dyn Fn(&str) -> Value>;

fn steps() -> Vec<(&'static str, StepOf)> {
    let interaction = |field: &'static str, value: Value| {
        let mut ask = json!({"type": "review", "message": "m", "timeout": "1h",
            "target": {"type": "user", "id": "u"}});
        ask[field] = value;
        json!({"name": "s", "interaction": ask})
    };
    vec![
        (
            "items",
            Box::new(|source| json!({"name": "s", "action": "a", "each": {"items": source}})),
        ),
        (
            "topic",
            Box::new(
                |source| json!({"name": "s", "wait_signal": {"topic": source, "timeout": "1h"}}),
            ),
        ),
        (
            "timeout",
            Box::new(
                |source| json!({"name": "s", "wait_signal": {"topic": "t", "timeout": source}}),
            ),
        ),
        (
            "duration",
            Box::new(|source| json!({"name": "s", "sleep": {"duration": source}})),
        ),
        (
            "message",
            Box::new(move |source| interaction("message", json!(source))),
        ),
        (
            "context",
            Box::new(move |source| interaction("context", json!({"x": [source]}))),
        ),
    ]
}

fn prepared(step: Value) -> Simulation {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "first", "action": "a", "store": "list", "next": [{"step": "second"}]},
        {"name": "second", "action": "a", "store": "long", "next": [{"step": "s"}]},
        step,
    ]}));
    run.apply(Event::Started);
    run.succeed("first", (0..10_000).collect());
    run
}

#[test]
fn no_template_of_a_step_takes_long_or_much() {
    for (place, step) in steps() {
        for source in hostile() {
            let run = prepared(step(&format!("${{{source}}}")));
            let job = run.job("second").job.clone();
            let long = "a".repeat(200_000);
            let transition = soon(|| {
                run.decide(Event::JobSucceeded {
                    job: job.clone(),
                    result: json!(long),
                })
            });
            let failed = transition.unwrap().state.has_ended();
            assert!(failed, "{place}: {source:.60}");
        }
    }
}

#[test]
fn parameters_of_items_are_bounded_one_by_one() {
    for source in hostile() {
        let mut run = prepared(json!({"name": "s", "action": "a",
            "each": {"items": "${state.list}"}, "parameters": {"x": format!("${{{source}}}")}}));
        run.succeed("second", json!("a".repeat(200_000)));
        let job = run.fan_out();
        let made = soon(|| fan_out_items(&run.run(), &run.state, &job, 0, 500));
        let error = made.unwrap_err();
        assert_eq!(error.kind, "expression_error", "{source:.60}");
        assert!(error.message.starts_with("item 0: "), "{error:?}");
    }
}

/// Parameters that hold a large value many times.
fn repeated() -> [Value; 4] {
    let many = "${state.long}".repeat(400);
    let nested = (0..60).fold(json!("${state.long}"), |inner, _| {
        json!([inner, "${state.long}"])
    });
    [
        json!({"text": many}),
        json!({"list": vec!["${state.long}"; 400]}),
        json!({"nested": nested, "again": nested}),
        json!({"copies": vec!["${state}"; 400]}),
    ]
}

#[test]
fn a_template_that_repeats_a_large_value_is_bounded_as_a_whole() {
    for parameters in repeated() {
        let run = prepared(json!({"name": "s", "action": "a", "parameters": parameters}));
        let job = run.job("second").job.clone();
        let long = "a".repeat(200_000);
        let transition = soon(|| {
            run.decide(Event::JobSucceeded {
                job: job.clone(),
                result: json!(long),
            })
        });
        let actions = transition.unwrap().actions;
        let Some(Action::FailRun { error }) = actions.last() else {
            panic!("{actions:?}");
        };
        assert_eq!(
            error.message,
            "step `s` failed with expression_error: its expressions take too much time or memory"
        );
    }
}

#[test]
fn an_endless_loop_of_steps_that_need_nobody_ends() {
    let run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "sleep": {"duration": "0s"}, "next": [{"step": "b"}]},
        {"name": "b", "action": "a", "each": {"items": []}, "next": [{"step": "a"}]},
    ]}));
    assert_eq!(run.error().kind, "limit_exceeded");
}

#[test]
fn branches_that_double_without_a_worker_are_stopped() {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "a", "sleep": {"duration": "0s"}, "next": [{"step": "a"}, {"step": "a"}]},
    ]}));
    run.limits.max_branches = 1_000;
    run.apply(Event::Started);
    assert_eq!(run.error().kind, "limit_exceeded");
}

/// A fork into 400 named branches, and into so many that join them.
fn fork_to_joins(joins: usize) -> Simulation {
    let mut edges: Vec<_> = (0..400)
        .map(|n| json!({"step": "hold", "branch": format!("b{n}")}))
        .collect();
    edges.extend(vec![json!({"step": "meet"}); joins]);
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": edges},
        {"name": "hold", "pause": {}},
        {"name": "meet", "join": {}},
    ]}));
    run.succeed("fork", json!(null));
    run
}

#[test]
fn joins_of_hundreds_of_branches_pass_and_those_of_thousands_fail_soon() {
    let mut run = fork_to_joins(400);
    assert!(run.ended.is_none());
    run.apply(Event::Resumed);
    assert!(run.ended.unwrap().is_ok());
    let started = Instant::now();
    assert_eq!(fork_to_joins(4_000).error().kind, "limit_exceeded");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_spec_of_five_hundred_joins_compiles_soon() {
    let step = |n: usize| {
        json!({"name": format!("s{n}"), "join": {"branches": [format!("b{n}")], "count": 0},
            "next": [{"step": format!("s{}", (n + 1) % 500)},
                {"step": "s0", "branch": format!("b{n}")}]})
    };
    let spec = json!({"name": "w", "steps": (0..500).map(step).collect::<Vec<_>>()});
    let spec: mobius_types::WorkflowSpec = serde_json::from_value(spec).unwrap();
    let started = Instant::now();
    mobius_engine::Definition::compile(spec).unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
}
