//! What is refused when a workflow is saved, each with its place.

mod kinds;
mod run_workflow;

use mobius_engine::Definition;
use serde_json::{Value, json};

fn problems(spec: Value) -> Vec<String> {
    let spec = serde_json::from_value(spec).unwrap();
    let problems = Definition::compile(spec).err();
    let problems = problems.map_or_else(Vec::new, |problems| problems.0);
    problems.iter().map(ToString::to_string).collect()
}

/// A spec of one step with these fields over an action.
fn step(fields: Value) -> Value {
    let mut step = json!({"name": "a", "action": "a"});
    step.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    json!({"name": "w", "steps": [step]})
}

#[test]
fn a_right_spec_has_no_problems() {
    let spec = json!({"name": "w", "description": "d", "start_at": "a",
    "inputs": [{"name": "n", "type": "integer", "default": 3}],
    "outputs": [{"name": "o", "variable": "r", "branch": "side"}],
    "state": {"x": 1},
    "steps": [
        {"name": "a", "action": "a", "store": "r", "action_kind": "worker",
         "parameters": {"n": "${inputs.n}"},
         "retry": [{"error_equals": ["timeout"], "timeout": "5s"}],
         "catch": [{"error_equals": ["fatal_error"], "next": "c", "store": "e"}],
         "edge_matching_strategy": "first",
         "next": [{"step": "b", "condition": "state.r > 1", "branch": "side"}, {"step": "a"}]},
        {"name": "b", "action": "a"},
        {"name": "c", "action": "a"},
    ]});
    assert_eq!(problems(spec), [""; 0]);
}

/// Each spec has this problem first.
fn expect(cases: &[(Value, &str)]) {
    for (spec, problem) in cases {
        let problems = problems(spec.clone());
        let found = problems
            .first()
            .is_some_and(|first| first.starts_with(problem));
        assert!(found, "{spec}: expected {problem:?}, got {problems:?}");
    }
}

/// A spec of one step, with these fields beside it.
fn around(fields: Value) -> Value {
    let mut spec = step(json!({}));
    spec.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    spec
}

#[test]
fn steps_are_of_one_kind() {
    expect(&[
        (step(json!({"action": null})), "steps[0]: does nothing"),
        (
            step(json!({"pause": {}})),
            "steps[0]: has action and pause at once",
        ),
        (
            step(json!({"action": null, "join": {}, "sleep": {"duration": "1s"}})),
            "steps[0]: has join and sleep at once",
        ),
    ]);
}

#[test]
fn names_and_expressions_are_checked_in_their_place() {
    expect(&[
        (step(json!({"name": ""})), "steps[0].name: is empty"),
        (
            step(json!({"name": "x".repeat(201)})),
            "steps[0].name: is longer than 200 bytes",
        ),
        (step(json!({"action": ""})), "steps[0].action: is empty"),
        (
            step(json!({"store": "state.x"})),
            "steps[0].store: is not the name of a variable",
        ),
        (
            step(json!({"store": ""})),
            "steps[0].store: is not the name of a variable",
        ),
        (
            step(json!({"store": "1a"})),
            "steps[0].store: is not the name of a variable",
        ),
        (
            step(json!({"parameters": {"a": [{"b": "${1 +}"}]}})),
            "steps[0].parameters.a[0].b: `${1 +}` is not an expression",
        ),
    ]);
}

#[test]
fn edges_and_branches_lead_somewhere() {
    expect(&[
        (
            step(json!({"next": [{"step": "x"}]})),
            "steps[0].next[0].step: there is no step `x`",
        ),
        (
            step(json!({"next": [{"step": "a", "condition": ""}]})),
            "steps[0].next[0].condition: is an empty expression",
        ),
        (
            step(json!({"next": [{"step": "a", "condition": "x > 1"}]})),
            "steps[0].next[0].condition: uses the unknown name `x`",
        ),
        (
            step(json!({"next": [{"step": "a", "branch": "main"}]})),
            "steps[0].next[0].branch: `main` is the branch",
        ),
        (
            step(json!({"next": [{"step": "a", "branch": ""}]})),
            "steps[0].next[0].branch: is empty",
        ),
        (
            step(json!({"next": [{"step": "a", "branch": "x"}, {"step": "a", "branch": "x"}]})),
            "steps[0].next[1].branch: another edge starts branch `x` already",
        ),
    ]);
}

#[test]
fn retries_and_clauses_are_well_formed() {
    expect(&[
        (
            step(json!({"catch": [{"error_equals": [""], "next": "a"}]})),
            "steps[0].catch[0].error_equals[0]: is empty",
        ),
        (
            step(json!({"catch": [{"error_equals": [], "next": "b"}]})),
            "steps[0].catch[0].next: there is no step `b`",
        ),
        (
            step(json!({"catch": [{"error_equals": [], "next": "a", "store": "a b"}]})),
            "steps[0].catch[0].store: is not the name",
        ),
        (
            step(json!({"retry": [{"timeout": "0s"}]})),
            "steps[0].retry[0].timeout: is zero",
        ),
        (
            step(json!({"retry": [{"base_delay": "-1s"}]})),
            "steps[0].retry[0].base_delay: is negative",
        ),
    ]);
}

#[test]
fn the_workflow_as_a_whole_hangs_together() {
    expect(&[
        (
            json!({"name": " ", "steps": [{"name": "a", "action": "a"}]}),
            "name: is empty",
        ),
        (json!({"name": "w", "steps": []}), "steps: is empty"),
        (
            around(json!({"start_at": "x"})),
            "start_at: there is no step `x`",
        ),
        (
            json!({"name": "w", "steps": [{"name": "a", "action": "a"}, {"name": "b", "action": "a"}]}),
            "steps[1]: no way leads to step `b`",
        ),
        (
            json!({"name": "w", "steps": [{"name": "a", "action": "a"}, {"name": "a", "action": "a"}]}),
            "steps[1].name: `a` is the name of steps[0] already",
        ),
        (
            around(json!({"inputs": [{"name": "n", "type": "int"}]})),
            "inputs[0].type: `int` is unknown",
        ),
        (
            around(json!({"outputs": [{"name": "o", "variable": "v", "branch": "b"}]})),
            "outputs[0].branch: no edge starts a branch `b`",
        ),
        (
            around(
                json!({"outputs": [{"name": "o", "variable": "v"}, {"name": "o", "variable": ""}]}),
            ),
            "outputs[1].name: `o` is declared twice",
        ),
    ]);
}

#[test]
fn each_and_retry_and_catch_are_for_actions_only() {
    let problems = problems(step(json!({
        "action": null, "sleep": {"duration": "1s"}, "each": {"items": []},
        "retry": [{}], "catch": [{"error_equals": [], "next": "a"}],
    })));
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("steps[0].each: "));
    assert!(problems[1].starts_with("steps[0].retry: "));
    assert!(problems[2].starts_with("steps[0].catch: "));
}

#[test]
fn all_problems_are_reported_together() {
    let problems = problems(json!({"name": "", "start_at": "x",
    "steps": [
        {"name": "a", "store": "!", "action": "a", "next": [{"step": "y"}]},
        {"name": "a"},
    ]}));
    assert_eq!(problems.len(), 6, "{problems:?}");
}

#[test]
fn at_most_five_hundred_steps_are_possible() {
    let chain = |count: usize| {
        let step = |n| json!({"name": format!("s{n}"), "action": "a", "next": [{"step": format!("s{}", (n + 1) % count)}]});
        json!({"name": "w", "steps": (0..count).map(step).collect::<Vec<_>>()})
    };
    assert_eq!(problems(chain(500)), [""; 0]);
    assert_eq!(problems(chain(501)), ["steps: has more than 500 steps"]);
}

#[test]
fn steps_are_reachable_through_catch_and_timeouts_and_loops() {
    let spec = json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "catch": [{"error_equals": [], "next": "b"}],
         "next": [{"step": "e"}]},
        {"name": "b", "action": "a", "next": [{"step": "a"}]},
        {"name": "c", "action": "a", "next": [{"step": "d"}]},
        {"name": "d", "action": "a", "next": [{"step": "c"}]},
        {"name": "e", "wait_signal": {"topic": "t", "timeout": "1s", "on_timeout": "f"}},
        {"name": "f", "interaction": {"type": "review", "message": "m", "timeout": "1s",
         "target": {"type": "group", "id": "g"}, "on_timeout": "g"}},
        {"name": "g", "pause": {}},
    ]});
    assert_eq!(
        problems(spec),
        [
            "steps[2]: no way leads to step `c`",
            "steps[3]: no way leads to step `d`"
        ]
    );
}
