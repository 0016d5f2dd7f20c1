//! Random specs of all kinds of steps.

use mobius_engine::Definition;
use serde_json::{Value, json};

use super::choices::Choices;

/// A spec of up to six steps with forks, loops, joins, waits and items.
pub(super) fn spec(choices: &mut Choices) -> Value {
    let count = 1 + choices.of(6);
    let edges: Vec<_> = (0..count).map(|at| edges(choices, at, count)).collect();
    let names: Vec<String> = edges
        .iter()
        .flatten()
        .filter_map(|edge| edge["branch"].as_str().map(str::to_owned))
        .collect();
    let steps = edges.into_iter().enumerate().map(|(at, next)| {
        let mut step = step(choices, count, &names);
        step["name"] = json!(format!("s{at}"));
        step["next"] = next.into();
        if choices.once_in(4) {
            step["edge_matching_strategy"] = json!("first");
        }
        step
    });
    let steps: Vec<_> = steps.collect();
    let mut outputs = Vec::new();
    if let Some(branch) = names.first().filter(|_| choices.once_in(3)) {
        outputs.push(json!({"name": "o", "variable": "x", "branch": branch}));
    }
    let state = json!({"x": 1, "yes": true, "no": false});
    passable(json!({"name": "w", "state": state, "outputs": outputs, "steps": steps}))
}

/// The spec, in which joins that could never pass wait for no branch.
fn passable(mut spec: Value) -> Value {
    let compiled = Definition::compile(serde_json::from_value(spec.clone()).unwrap());
    for problem in compiled.err().into_iter().flat_map(|problems| problems.0) {
        let place = problem.path.strip_prefix("steps[");
        let step = place.and_then(|place| place.strip_suffix("].join.branches"));
        let step: usize = step
            .unwrap_or_else(|| panic!("{problem:?}"))
            .parse()
            .unwrap();
        spec["steps"][step]["join"]["count"] = json!(0);
    }
    spec
}

/// The last edge, which is never followed, makes the next step reachable.
fn edges(choices: &mut Choices, at: usize, count: usize) -> Vec<Value> {
    let mut edges = Vec::new();
    for index in 0..[1, 0, 2, 1, 3][choices.of(5)] {
        let mut edge = json!({"step": format!("s{}", choices.of(count))});
        match choices.of(24) {
            0..=14 => {}
            15..=18 => edge["condition"] = json!("state.yes"),
            19..=20 => edge["condition"] = json!("state.x"),
            21..=22 => edge["condition"] = json!("state.no"),
            _ => edge["condition"] = json!("state.missing"),
        }
        if choices.once_in(2) {
            edge["branch"] = json!(format!("b{at}.{index}"));
        }
        edges.push(edge);
    }
    if at + 1 < count {
        edges.push(json!({"step": format!("s{}", at + 1), "condition": "state.no"}));
    }
    edges
}

fn step(choices: &mut Choices, count: usize, names: &[String]) -> Value {
    match choices.of(14) {
        0..=3 => action(choices, count),
        4..=5 => {
            let mut step = action(choices, count);
            step["each"] = each(choices);
            step
        }
        6..=7 => {
            let mut wait = json!({"topic": topic(choices), "timeout": "${state.x}s"});
            if choices.once_in(2) {
                wait = json!({"topic": topic(choices), "timeout": "5s", "store": "x"});
            }
            if choices.once_in(2) {
                wait["on_timeout"] = json!(format!("s{}", choices.of(count)));
            }
            json!({"wait_signal": wait})
        }
        8 => {
            let duration = ["0s", "2s", "${state.missing}"][choices.of(3)];
            json!({"sleep": {"duration": duration}})
        }
        9 => json!({"pause": {}}),
        10 => {
            let mut ask = json!({"type": "input", "message": "x is ${state.x}", "timeout": "3s",
                "store": "x", "target": {"type": "user", "id": "u"}});
            if choices.once_in(2) {
                ask["on_timeout"] = json!(format!("s{}", choices.of(count)));
            }
            json!({"interaction": ask})
        }
        _ => json!({"join": join(choices, names)}),
    }
}

fn action(choices: &mut Choices, count: usize) -> Value {
    let mut step = json!({"action": "a", "parameters": {"x": "${state.x}"}});
    if choices.once_in(2) {
        step["store"] = json!("x");
    }
    if choices.once_in(3) {
        let next = format!("s{}", choices.of(count));
        let pattern = ["all", "boom"][choices.of(2)];
        step["catch"] = json!([{"error_equals": [pattern], "next": next, "store": "x"}]);
    }
    if choices.once_in(3) {
        step["retry"] = json!([{"max_retries": 1}]);
    }
    step
}

fn each(choices: &mut Choices) -> Value {
    let items = match choices.of(5) {
        0 => json!([1, 2]),
        1 => json!([1, 2, 3]),
        2 => json!("${state.x}"),
        3 => json!([]),
        _ => json!({"k": "${state.x}"}),
    };
    let mut each = json!({"items": items});
    if choices.once_in(2) {
        each["max_concurrency"] = json!(1 + choices.of(2));
    }
    if choices.once_in(3) {
        each["max_failures"] = json!(choices.of(3));
    }
    each
}

fn join(choices: &mut Choices, names: &[String]) -> Value {
    let mut join = json!({});
    let mut listed = Vec::new();
    for name in names {
        if choices.once_in(2) {
            listed.push(name);
        }
    }
    let most = if listed.is_empty() {
        names.len()
    } else {
        join["branches"] = json!(listed);
        listed.len()
    };
    if choices.once_in(2) {
        join["count"] = json!(choices.of(most + 1));
    }
    let mapped = listed.first().copied().or(names.first());
    if let Some(name) = mapped.filter(|_| choices.once_in(2)) {
        join["branch_mappings"] = json!({format!("{name}.x"): "x", name.as_str(): "all"});
    }
    join
}

pub(super) fn topic(choices: &mut Choices) -> &'static str {
    ["t", "u"][choices.of(2)]
}
