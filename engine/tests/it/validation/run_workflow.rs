//! What is refused of a step that starts a child run.

use serde_json::{Value, json};

use super::{expect, problems, step};

/// A call of another workflow with one more parameter.
fn child(name: &str, value: Value) -> Value {
    let mut parameters = json!({"workflow": "w"});
    parameters[name] = value;
    let action = json!({"action": "mobius.run_workflow", "action_kind": "server",
        "parameters": parameters});
    step(action)
}

fn labels(count: usize) -> Value {
    let label = |number: usize| (number.to_string(), json!("x"));
    Value::Object((0..count).map(label).collect())
}

#[test]
fn a_child_is_given_what_any_start_may_give() {
    let longest = "é".repeat(255);
    for (name, right) in [
        ("queue", json!(longest)),
        ("external_id", json!(longest)),
        ("external_id", json!("")),
        ("metadata", json!({longest.as_str(): "é".repeat(10_000)})),
        ("metadata", json!({"a": "${state.x}", "b": 1})),
        ("metadata", labels(100)),
        ("metadata", json!(null)),
        ("queue", json!(null)),
    ] {
        assert_eq!(problems(child(name, right)), [""; 0]);
    }
}

#[test]
fn a_child_is_given_no_more_than_any_start_may_give() {
    let too_long = "é".repeat(256);
    expect(&[
        (
            child("queue", json!(too_long)),
            "steps[0].parameters.queue: has more than 255 characters",
        ),
        (
            child("queue", json!(" ")),
            "steps[0].parameters.queue: is blank",
        ),
        (
            child("external_id", json!(too_long)),
            "steps[0].parameters.external_id: has more than 255 characters",
        ),
        (
            child("external_id", json!(1)),
            "steps[0].parameters.external_id: is not a text, but of type int",
        ),
        (
            child("metadata", json!(["a"])),
            "steps[0].parameters.metadata: is not an object of texts, but of type list",
        ),
        (
            child("metadata", labels(101)),
            "steps[0].parameters.metadata: has more than 100 entries",
        ),
        (
            child("metadata", json!({" ": "a"})),
            "steps[0].parameters.metadata: has an empty name",
        ),
        (
            child("metadata", json!({too_long.as_str(): "a"})),
            "steps[0].parameters.metadata: has more than 255 characters",
        ),
        (
            child("metadata", json!({"a": "é".repeat(10_001)})),
            "steps[0].parameters.metadata.a: has more than 10000 characters",
        ),
        (
            child("version", json!(2_147_483_648_u64)),
            "steps[0].parameters.version: is not the number of a version",
        ),
    ]);
}

#[test]
fn of_the_server_actions_only_child_runs_are_available() {
    let child = |parameters: Value| {
        step(
            json!({"action": "mobius.run_workflow", "action_kind": "server",
            "parameters": parameters}),
        )
    };
    let right = json!({"workflow": "${state.w}", "inputs": {"a": "${state.x}"}, "queue": "q",
        "version": 3, "metadata": {"a": "b"}, "external_id": "e"});
    assert_eq!(problems(child(right)), [""; 0]);
    expect(&[
        (
            step(json!({"action_kind": "server"})),
            "steps[0].action: server action `a` is not available",
        ),
        (
            step(json!({"action": "mobius.run_workflow"})),
            "steps[0].action_kind: must be `server` for `mobius.run_workflow`",
        ),
        (
            child(json!({})),
            "steps[0].parameters.workflow: is required",
        ),
        (
            child(json!({"workflow": ""})),
            "steps[0].parameters.workflow: is not the handle or id",
        ),
        (
            child(json!({"workflow": "w", "inputs": []})),
            "steps[0].parameters.inputs: is not an object, but of type list",
        ),
        (
            child(json!({"workflow": "w", "version": 0})),
            "steps[0].parameters.version: is not the number of a version",
        ),
        (
            child(json!({"workflow": "w", "metadata": {"a": 1}})),
            "steps[0].parameters.metadata.a: is not a text, but of type int",
        ),
        (
            child(json!({"workflow": "w", "input": {}})),
            "steps[0].parameters.input: is no parameter of",
        ),
    ]);
}
