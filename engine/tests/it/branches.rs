//! Edges, branches, variables and outputs.

use serde_json::{Value, json};

use crate::simulation::Simulation;

fn step(name: &str, next: Value) -> Value {
    json!({"name": name, "action": "a", "store": name, "next": next})
}

#[test]
fn a_run_without_edges_completes_with_the_state_of_main() {
    let mut run = Simulation::started(json!({
        "name": "w", "state": {"greeting": "hi"}, "steps": [step("a", json!([]))],
    }));
    let actions = run.succeed("a", json!({"n": 1}));
    assert_eq!(actions[0], "complete main#1");
    assert_eq!(run.result(), &json!({"greeting": "hi", "a": {"n": 1}}));
    assert!(run.state.has_ended());
}

#[test]
fn a_run_starts_where_the_spec_says() {
    let run = Simulation::started(json!({
        "name": "w", "start_at": "b",
        "steps": [step("a", json!([])), step("b", json!([{"step": "a"}]))],
    }));
    assert_eq!(run.steps(), ["b"]);
}

#[test]
fn parameters_see_inputs_state_and_run() {
    let mut run = Simulation::new(json!({
        "name": "w", "state": {"list": [1, 2]},
        "steps": [{"name": "a", "action": "mail", "parameters": {
            "to": "${inputs.to}", "text": "Run ${run.id}, attempt ${run.attempt}",
            "items": "${state.list}", "fixed": {"x": 1},
        }}],
    }));
    run.inputs.insert("to".to_owned(), json!("ann"));
    run.apply(mobius_engine::Event::Started);
    let job = run.job("a");
    assert_eq!(job.action, "mail");
    assert_eq!(
        Value::Object(job.parameters.clone()),
        json!({"to": "ann", "text": "Run run_1, attempt 1", "items": [1, 2], "fixed": {"x": 1}})
    );
}

#[test]
fn every_edge_that_matches_is_followed_or_only_the_first() {
    let spec = |strategy: &str| {
        json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "store": "n", "edge_matching_strategy": strategy,
             "next": [
                {"step": "b", "condition": "state.n > 5"},
                {"step": "c", "condition": "${state.n > 1}"},
                {"step": "d"},
             ]},
            step("b", json!([])), step("c", json!([])), step("d", json!([])),
        ]})
    };
    for (strategy, n, steps) in [
        ("all", 9, &["b", "c", "d"][..]),
        ("all", 3, &["c", "d"]),
        ("all", 0, &["d"]),
        ("first", 9, &["b"]),
        ("first", 3, &["c"]),
        ("first", 0, &["d"]),
    ] {
        let mut run = Simulation::started(spec(strategy));
        run.succeed("a", json!(n));
        assert_eq!(run.steps(), steps, "{strategy} {n}");
        // One followed edge keeps the branch, several end it.
        let in_main = run
            .open
            .iter()
            .filter(|job| job.job.branch == "main")
            .count();
        assert_eq!(in_main, usize::from(steps.len() == 1), "{strategy} {n}");
    }
}

#[test]
fn conditions_are_truthy() {
    for (value, is_followed) in [
        (json!(0), false),
        (json!(""), false),
        (json!([]), false),
        (json!({}), false),
        (json!(null), false),
        (json!(false), false),
        (json!("x"), true),
        (json!([0]), true),
        (json!(-1), true),
    ] {
        let mut run = Simulation::started(json!({"name": "w", "steps": [
            step("a", json!([{"step": "b", "condition": "state.a"}])),
            step("b", json!([])),
        ]}));
        run.succeed("a", value.clone());
        assert_eq!(run.ended.is_none(), is_followed, "{value}");
    }
}

#[test]
fn branches_have_variables_of_their_own() {
    let mut run = Simulation::started(json!({"name": "w",
    "outputs": [
        {"name": "left", "variable": "x", "branch": "l"},
        {"name": "right", "variable": "x", "branch": "r"},
        {"name": "main", "variable": "x"},
        {"name": "unset", "variable": "y", "branch": "l"},
    ],
    "steps": [
        {"name": "a", "action": "a", "store": "x", "next": [
            {"step": "b", "branch": "l"}, {"step": "c", "branch": "r"}, {"step": "d"}]},
        {"name": "b", "action": "a", "store": "x", "parameters": {"x": "${state.x}"}},
        {"name": "c", "action": "a", "store": "x"},
        {"name": "d", "action": "a", "store": "x"},
    ]}));
    run.succeed("a", json!("from a"));
    let branches: Vec<_> = run.open.iter().map(|job| job.job.branch.as_str()).collect();
    assert_eq!(branches, ["l", "r", "branch-1"]);
    assert_eq!(run.job("b").parameters["x"], json!("from a"));
    run.succeed("c", json!("from c"));
    run.succeed("d", json!("from d"));
    assert!(run.ended.is_none());
    run.succeed("b", json!("from b"));
    assert_eq!(
        run.result(),
        &json!({"left": "from b", "right": "from c", "main": "from a"})
    );
}

#[test]
fn a_single_edge_with_a_branch_starts_that_branch_and_ends_main() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        step("a", json!([{"step": "b", "branch": "side"}])), step("b", json!([])),
    ]}));
    run.succeed("a", json!(1));
    assert_eq!(run.job("b").job.branch, "side");
    run.succeed("b", json!(2));
    assert_eq!(run.result(), &json!({"a": 1}));
}

#[test]
fn generated_names_avoid_those_of_the_spec() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        step("a", json!([{"step": "b"}, {"step": "b"}, {"step": "b", "branch": "branch-1"}])),
        step("b", json!([])),
    ]}));
    run.succeed("a", json!(1));
    let branches: Vec<_> = run.open.iter().map(|job| job.job.branch.as_str()).collect();
    assert_eq!(branches, ["branch-2", "branch-3", "branch-1"]);
}

#[test]
fn a_loop_visits_a_step_again_as_a_new_job() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        step("a", json!([{"step": "a", "condition": "state.a < 3"}])),
    ]}));
    for n in 1..=3 {
        assert_eq!(run.job("a").job.visit, n);
        run.succeed("a", json!(n));
    }
    assert_eq!(run.result(), &json!({"a": 3}));
}

#[test]
fn a_named_branch_may_start_itself_anew_but_not_beside_itself() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        step("a", json!([{"step": "b", "branch": "x"}])),
        step("b", json!([{"step": "a", "condition": "state.b < 2"}])),
    ]}));
    run.succeed("a", json!(1));
    run.succeed("b", json!(1));
    run.succeed("a", json!(1));
    assert_eq!(run.job("b").job.branch, "x");
    run.succeed("b", json!(2));
    assert!(run.ended.unwrap().is_ok());

    let mut run = Simulation::started(json!({"name": "w", "steps": [
        step("a", json!([{"step": "b", "branch": "x"}, {"step": "a"}])),
        step("b", json!([])),
    ]}));
    run.succeed("a", json!(1));
    run.succeed("a", json!(1));
    assert_eq!(run.error().kind, "branch_conflict");
}
