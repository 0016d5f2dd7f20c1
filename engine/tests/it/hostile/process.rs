//! The same for a process as a whole: what the system counts as its memory and its CPU time, for
//! one hostile case each, so that nothing of one hides another.
//!
//! The test runs its own executable again for each case and tells the child which one it is by an
//! environment variable. The child measures itself, and fails when it took too much.

use std::{fmt::Write, fs, process::Command, time::Duration};

use mobius_engine::{Definition, Event, fan_out_items};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::{hostile, prepared, repeated, steps};

const CASE: &str = "MOBIUS_TEST_HOSTILE_CASE";
const TEST: &str = "hostile::process::no_case_takes_a_process_beyond_its_bounds";
const MOST_CPU: Duration = Duration::from_millis(50);
const MOST_MEMORY_KIB: u64 = 16 * 1024;

/// What is called for a case, once all that it needs is there.
type Act = Box<dyn FnOnce()>;

/// A case prepares its run, and then is measured in what it returns.
struct Case {
    name: String,
    prepare: Box<dyn Fn() -> Act>,
}

impl Case {
    fn new(name: String, prepare: impl Fn() -> Act + 'static) -> Self {
        let prepare = Box::new(prepare);
        Self { name, prepare }
    }
}

/// A run of this step that must fail by itself when it gets there.
fn of_step(name: String, step: Value) -> Case {
    Case::new(name, move || {
        let run = prepared(step.clone());
        let job = run.job("second").job.clone();
        let result = json!("a".repeat(200_000));
        Box::new(move || {
            let transition = run.decide(Event::JobSucceeded { job, result });
            assert!(transition.unwrap().state.has_ended());
        })
    })
}

/// An `each` whose first item can't be made.
fn of_items(source: &str) -> Case {
    let step = json!({"name": "s", "action": "a", "each": {"items": "${state.list}"},
        "parameters": {"x": format!("${{{source}}}")}});
    Case::new(format!("parameters of items: {source}"), move || {
        let mut run = prepared(step.clone());
        run.succeed("second", json!("a".repeat(200_000)));
        let job = run.fan_out();
        Box::new(move || {
            let made = fan_out_items(&run.run(), &run.state, &job, 0, 500);
            assert_eq!(made.unwrap_err().kind, "expression_error");
        })
    })
}

/// A condition that is no expression that anybody would write.
fn of_spec(source: String) -> Case {
    let name = format!("spec: {source}");
    Case::new(name, move || {
        let spec = json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "parameters": {"x": format!("${{{source}}}")},
             "next": [{"step": "b", "condition": source}]},
            {"name": "b", "pause": {}},
        ]});
        let spec = serde_json::from_value(spec).unwrap();
        Box::new(move || {
            Definition::compile(spec).unwrap_err();
        })
    })
}

fn hostile_specs() -> Vec<String> {
    let nested = |levels: usize| {
        (0..levels).fold("x".to_owned(), |inner, _| format!("[1, 2].map(x, {inner})"))
    };
    vec![
        "(".repeat(100_000),
        "[".repeat(2_000),
        "{".repeat(2_000),
        "'".repeat(2_001),
        "has(".repeat(400),
        "1?".repeat(500),
        format!("{}true", "!".repeat(100_000)),
        vec!["state.s"; 100_000].join(" + "),
        nested(40),
        nested(2_000),
    ]
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = hostile().iter().map(|source| of_items(source)).collect();
    for (place, step) in steps() {
        for source in hostile() {
            let step = step(&format!("${{{source}}}"));
            cases.push(of_step(format!("{place}: {source}"), step));
        }
    }
    for (number, parameters) in repeated().into_iter().enumerate() {
        let step = json!({"name": "s", "action": "a", "parameters": parameters});
        cases.push(of_step(format!("repeated values {number}"), step));
    }
    cases.extend(hostile_specs().into_iter().map(of_spec));
    cases
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let value = line.unwrap().split_ascii_whitespace().nth(1);
    value.unwrap().parse().unwrap()
}

/// What all threads of this process were executed, in the system's code too.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("it does not run backwards")
}

/// The memory is counted from before the run was there, so that what preparing it freed hides
/// nothing.
fn measure(case: &Case) {
    let memory = peak_kib();
    let act = (case.prepare)();
    let cpu = on_cpu();
    act();
    let cpu = on_cpu() - cpu;
    let memory = peak_kib() - memory;
    println!("{memory} KiB, {cpu:?}");
    assert!(cpu < MOST_CPU, "took {cpu:?}");
    assert!(memory < MOST_MEMORY_KIB, "took {memory} KiB");
}

#[test]
fn no_case_takes_a_process_beyond_its_bounds() {
    let cases = cases();
    if let Ok(case) = std::env::var(CASE) {
        return measure(&cases[case.parse::<usize>().unwrap()]);
    }
    let mut failed = String::new();
    for (number, case) in cases.iter().enumerate() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .env(CASE, number.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        // A child that found no such test succeeds as well, and says nothing.
        if !child.status.success() || !said.contains(" KiB, ") {
            let why = String::from_utf8_lossy(&child.stderr);
            writeln!(failed, "{:.80}: {said}{why}", case.name).unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}");
}
