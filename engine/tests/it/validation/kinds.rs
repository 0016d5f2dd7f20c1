//! What is refused of the steps of each kind.

use serde_json::{Value, json};

use super::{expect, problems, step};

/// A spec of one step of another kind.
fn waits(fields: Value) -> Value {
    let mut fields = fields;
    fields["action"] = Value::Null;
    step(fields)
}

#[test]
fn waits_are_well_formed() {
    let signal = |fields: Value| {
        let mut wait = json!({"topic": "t", "timeout": "1h"});
        wait.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        waits(json!({"wait_signal": wait}))
    };
    expect(&[
        (
            signal(json!({"topic": ""})),
            "steps[0].wait_signal.topic: is empty",
        ),
        (
            signal(json!({"topic": " \t"})),
            "steps[0].wait_signal.topic: is empty",
        ),
        (
            signal(json!({"topic": "x".repeat(256)})),
            "steps[0].wait_signal.topic: is longer than 255 bytes",
        ),
        (
            signal(json!({"topic": "a ${x}"})),
            "steps[0].wait_signal.topic: `${x}` uses the unknown name `x`",
        ),
        (
            signal(json!({"timeout": "0s"})),
            "steps[0].wait_signal.timeout: is zero",
        ),
        (
            signal(json!({"timeout": "soon"})),
            "steps[0].wait_signal.timeout: has no number",
        ),
        (
            signal(json!({"store": "a.b"})),
            "steps[0].wait_signal.store: is not the name of a variable",
        ),
        (
            signal(json!({"on_timeout": "x"})),
            "steps[0].wait_signal.on_timeout: there is no step `x`",
        ),
        (
            waits(json!({"sleep": {"duration": "-1s"}})),
            "steps[0].sleep.duration: is negative",
        ),
        (
            waits(json!({"sleep": {"duration": ""}})),
            "steps[0].sleep.duration: is empty",
        ),
    ]);
    let right = waits(json!({"sleep": {"duration": "${state.n}s"}}));
    assert_eq!(problems(right), [""; 0]);
}

#[test]
fn interactions_are_well_formed() {
    let ask = |fields: Value| {
        let mut ask = json!({"type": "approval", "message": "Sure?", "timeout": "1h",
            "target": {"type": "user", "id": "u"}});
        ask.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        waits(json!({"interaction": ask}))
    };
    assert_eq!(problems(ask(json!({}))), [""; 0]);
    let option = json!({"value": "a", "label": "A"});
    expect(&[
        (
            ask(json!({"message": ""})),
            "steps[0].interaction.message: is empty",
        ),
        (
            ask(json!({"message": "${1 +}"})),
            "steps[0].interaction.message: `${1 +}` is not",
        ),
        (
            ask(json!({"context": {"a b": ["${x}"]}})),
            "steps[0].interaction.context.\"a b\"[0]: `${x}` uses",
        ),
        (
            ask(json!({"timeout": "0s"})),
            "steps[0].interaction.timeout: is zero",
        ),
        (
            ask(json!({"target": {"type": "user", "id": ""}})),
            "steps[0].interaction.target.id: is empty",
        ),
        (
            ask(json!({"store": "1"})),
            "steps[0].interaction.store: is not the name",
        ),
        (
            ask(json!({"on_timeout": "x"})),
            "steps[0].interaction.on_timeout: there is no step",
        ),
        (
            ask(json!({"spec": {"mode": "select"}})),
            "steps[0].interaction.spec.options: is empty",
        ),
        (
            ask(json!({"spec": {"mode": "select", "options": [option, option]}})),
            "steps[0].interaction.spec.options[1].value: `a` is the value of another",
        ),
        (
            ask(json!({"spec": {"mode": "multi_select", "options": [option],
                "default_values": ["a", "b"]}})),
            "steps[0].interaction.spec.default_values: `b` is no option",
        ),
    ]);
}

#[test]
fn each_is_well_formed() {
    expect(&[
        (
            step(json!({"each": {"items": "${x}"}})),
            "steps[0].each.items: `${x}` uses the unknown name `x`",
        ),
        (
            step(json!({"each": {"items": ["${1 +}"]}})),
            "steps[0].each.items[0]: `${1 +}` is not",
        ),
        (
            step(json!({"each": {"items": [], "as": "a b"}})),
            "steps[0].each.as: is not the name of a variable",
        ),
        (
            step(json!({"each": {"items": [], "as": "index"}})),
            "steps[0].each.as: `index` is the position",
        ),
        (
            step(json!({"each": {"items": [], "max_concurrency": 0}})),
            "steps[0].each.max_concurrency: is less than 1",
        ),
        (
            step(json!({"each": {"items": [], "max_failures": -1}})),
            "steps[0].each.max_failures: is less than 0",
        ),
    ]);
}

/// Two branches, `a.b` and `c`, and a join of them.
fn join(config: Value) -> Value {
    json!({"name": "w", "steps": [
        {"name": "s", "action": "a", "next": [
            {"step": "x", "branch": "a.b"}, {"step": "x", "branch": "c"}, {"step": "j"}]},
        {"name": "x", "action": "a"},
        {"name": "j", "join": config},
    ]})
}

#[test]
fn joins_name_branches_that_edges_start() {
    let right = json!({"branches": ["a.b", "c"], "count": 1,
        "branch_mappings": {"a.b": "whole", "a.b.x.y": "deep", "c.x": "x"}});
    assert_eq!(problems(join(right)), [""; 0]);
    assert_eq!(
        problems(join(json!({"branch_mappings": {"a.b.x": "x"}}))),
        [""; 0]
    );
    expect(&[
        (
            join(json!({"branches": ["c", "d"]})),
            "steps[2].join.branches[1]: no edge starts a branch `d`",
        ),
        (
            join(json!({"branches": ["main"]})),
            "steps[2].join.branches[0]: no edge starts a branch `main`",
        ),
        (
            join(json!({"branches": ["c", "c"]})),
            "steps[2].join.branches[1]: lists branch `c` twice",
        ),
        (
            join(json!({"branches": ["c"], "count": 2})),
            "steps[2].join.count: is not between 0 and 1",
        ),
        (
            join(json!({"count": -1})),
            "steps[2].join.count: is not between 0 and 2",
        ),
        (
            join(json!({"branches": ["c"], "branch_mappings": {"a.b.x": "x"}})),
            "steps[2].join.branch_mappings.\"a.b.x\": does not begin with a branch",
        ),
        (
            join(json!({"branch_mappings": {"c.x": "state.x"}})),
            "steps[2].join.branch_mappings.\"c.x\": is not the name of a variable",
        ),
        (
            join(json!({"branch_mappings": {"a.b.x": "x", "c.x": "x"}})),
            "steps[2].join.branch_mappings.\"c.x\": sets variable `x`, as another mapping does",
        ),
        (
            join(json!({"branch_mappings": {"c.": "x"}})),
            "steps[2].join.branch_mappings.\"c.\": has an empty name",
        ),
    ]);
}

/// A field that nothing reads would make its author wait for what never happens.
#[test]
fn a_step_has_no_field_that_its_kind_never_reads() {
    let kinds = [
        ("wait_signal", json!({"topic": "t", "timeout": "1h"})),
        ("sleep", json!({"duration": "1s"})),
        ("pause", json!({})),
        ("join", json!({})),
        (
            "interaction",
            json!({"type": "approval", "message": "Sure?", "timeout": "1h",
                "target": {"type": "user", "id": "u"}}),
        ),
    ];
    let fields = [
        ("each", json!({"items": []})),
        ("action_kind", json!("worker")),
        ("store", json!("x")),
        ("parameters", json!({"a": 1})),
        ("retry", json!([{}])),
        ("catch", json!([{"error_equals": ["all"], "next": "s"}])),
    ];
    for (kind, config) in &kinds {
        let mut all = waits(json!({*kind: config}));
        assert_eq!(problems(all.clone()), [""; 0]);
        let mut expected = Vec::new();
        for (field, value) in &fields {
            all["steps"][0][*field] = value.clone();
            let inside = match (*field, *kind) {
                ("store", "wait_signal" | "interaction") => {
                    format!("; write `store` into `{kind}`")
                }
                _ => String::new(),
            };
            expected.push(format!(
                "steps[0].{field}: is possible on steps with an action only{inside}"
            ));
        }
        assert_eq!(problems(all), expected);
    }
}

#[test]
fn fields_that_say_nothing_are_no_problem() {
    let said_nothing = json!({"pause": {}, "each": null, "action_kind": null, "store": null,
        "parameters": {}, "retry": [], "catch": []});
    assert_eq!(problems(waits(said_nothing)), [""; 0]);
}

#[test]
fn a_join_that_can_never_pass_is_refused() {
    let branches = |names: &[&str]| json!({"branches": names});
    let own_branch = |join: Value| {
        json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "next": [
                {"step": "wait", "branch": "m"}, {"step": "b", "branch": "n"}]},
            {"name": "wait", "pause": {}, "next": [{"step": "j"}]},
            {"name": "b", "action": "a"},
            {"name": "j", "join": join},
        ]})
    };
    let own_edge = |join: Value| {
        json!({"name": "w", "steps": [
            {"name": "j", "join": join, "next": [{"step": "b", "branch": "x"}, {"step": "b"}]},
            {"name": "b", "action": "a", "next": [{"step": "b", "branch": "y"}]},
        ]})
    };
    let message = "can never complete as many as the step needs: branch";
    expect(&[
        (
            own_branch(branches(&["m", "n"])),
            &format!("steps[3].join.branches: {message} `m` waits for this step itself"),
        ),
        (
            own_edge(branches(&["x"])),
            &format!("steps[0].join.branches: {message} `x` waits for this step itself"),
        ),
        (
            own_edge(branches(&["y"])),
            &format!("steps[0].join.branches: {message} `y` waits for this step itself"),
        ),
    ]);
    assert_eq!(problems(own_branch(branches(&["n"]))), [""; 0]);
    let one_of_two = json!({"branches": ["m", "n"], "count": 1});
    assert_eq!(problems(own_branch(one_of_two)), [""; 0]);
}

#[test]
fn literal_values_that_are_nested_too_deep_are_refused() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(
        problems(step(json!({"parameters": {"x": nested(99)}}))),
        [""; 0]
    );
    expect(&[
        (
            step(json!({"parameters": {"x": nested(100)}})),
            "steps[0].parameters.x: is nested deeper than 99 levels",
        ),
        (
            step(json!({"each": {"items": nested(101)}})),
            "steps[0].each.items: is nested deeper than 100 levels",
        ),
    ]);
}
