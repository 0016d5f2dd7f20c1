//! Joins: which branches they wait for, what they copy, and when they can't pass any more.

use mobius_engine::Event;
use serde_json::{Value, json};

use crate::simulation::Simulation;

/// Branches `a`, `b` and `c.d` that work, and a join of them.
fn spec(join: Value) -> Value {
    json!({"name": "w",
    "outputs": [{"name": "all", "variable": "all", "branch": "j"},
        {"name": "x", "variable": "x", "branch": "j"}],
    "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "wa", "branch": "a"}, {"step": "wb", "branch": "b"},
            {"step": "wc", "branch": "c.d"}, {"step": "meet", "branch": "j"}]},
        {"name": "wa", "action": "a", "store": "r"},
        {"name": "wb", "action": "a", "store": "r"},
        {"name": "wc", "action": "a", "store": "r"},
        {"name": "meet", "join": join, "next": [{"step": "after"}]},
        {"name": "after", "action": "a"},
    ]})
}

fn forked(join: Value) -> Simulation {
    let mut run = Simulation::started(spec(join));
    run.succeed("fork", json!(null));
    run
}

fn passed(run: &Simulation) -> bool {
    run.steps().contains(&"after")
}

#[test]
fn a_join_waits_for_all_or_for_some_or_for_enough() {
    for (join, order, passes_after) in [
        (json!({}), ["wa", "wb", "wc"], 3),
        (json!({"branches": []}), ["wa", "wb", "wc"], 3),
        (json!({"branches": ["a", "b"]}), ["wa", "wc", "wb"], 3),
        (json!({"branches": ["a", "b"]}), ["wb", "wa", "wc"], 2),
        (json!({"count": 2}), ["wc", "wa", "wb"], 2),
        (
            json!({"branches": ["a", "b", "c.d"], "count": 1}),
            ["wb", "wa", "wc"],
            1,
        ),
        (
            json!({"branches": ["a"], "count": 0}),
            ["wb", "wa", "wc"],
            0,
        ),
    ] {
        let mut run = forked(join.clone());
        let mut needed = None;
        for (ended, step) in order.into_iter().enumerate() {
            if passed(&run) && needed.is_none() {
                needed = Some(ended);
            }
            run.succeed(step, json!(1));
        }
        let needed = needed.or_else(|| passed(&run).then_some(3));
        assert_eq!(needed, Some(passes_after), "{join} {order:?}");
    }
}

#[test]
fn mappings_copy_variables_of_branches_that_have_completed() {
    let mappings = json!({"a": "all", "b.r.deep.er": "x", "b.missing": "y", "c.d.r": "z"});
    let mut run = forked(json!({"branches": ["a", "b", "c.d"], "count": 2,
        "branch_mappings": mappings}));
    run.succeed("wa", json!("from a"));
    run.succeed("wb", json!({"deep": {"er": 3}}));
    run.succeed("after", json!(null));
    run.succeed("wc", json!("late"));
    assert_eq!(
        run.result(),
        &json!({"all": {"r": "from a"}, "x": 3}),
        "what c.d gave came too late, and y was never set"
    );
}

#[test]
fn a_join_without_a_list_sees_what_goes_on_when_it_is_reached() {
    let mut run = Simulation::started(json!({"name": "w",
    "outputs": [{"name": "x", "variable": "x", "branch": "late"}],
    "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "quick", "branch": "q"}, {"step": "slow", "branch": "late"},
            {"step": "work"}]},
        {"name": "quick", "action": "a", "store": "r"},
        {"name": "slow", "action": "a", "next": [{"step": "meet"}]},
        {"name": "work", "action": "a"},
        {"name": "meet", "join": {"branch_mappings": {"q.r": "x"}}},
    ]}));
    run.succeed("fork", json!(null));
    run.succeed("quick", json!(5));
    // Neither itself nor a branch with a generated name is waited for.
    run.succeed("slow", json!(null));
    run.succeed("work", json!(null));
    assert_eq!(run.result(), &json!({"x": 5}));
}

#[test]
fn a_branch_that_goes_on_again_is_not_complete() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "again", "branch": "x"}, {"step": "wait", "branch": "w"}]},
        {"name": "again", "action": "a", "store": "more", "next": [
            {"step": "again", "branch": "y", "condition": "state.more == 1"},
            {"step": "restart", "branch": "z", "condition": "state.more == 1"}]},
        {"name": "restart", "action": "a", "next": [{"step": "fork", "branch": "f"}]},
        {"name": "wait", "action": "a", "next": [{"step": "meet"}]},
        {"name": "meet", "join": {"branches": ["x"]}},
    ]}));
    run.succeed("fork", json!(null));
    run.succeed("again", json!(1));
    // `x` has ended once, and `f` starts it anew before the join looks.
    run.succeed("restart", json!(null));
    run.try_apply(Event::JobSucceeded {
        job: run.job("fork").job.clone(),
        result: json!(null),
    })
    .unwrap();
    assert_eq!(run.error().kind, "branch_conflict", "w goes on, too");
}

#[test]
fn a_join_passes_when_its_branch_has_ended_for_the_second_time() {
    let mut run = Simulation::started(json!({"name": "w", "state": {"n": 0}, "steps": [
        {"name": "fork", "action": "a", "store": "n", "next": [
            {"step": "work", "branch": "x"},
            {"step": "fork", "branch": "again", "condition": "state.n == 1"},
            {"step": "meet", "branch": "j", "condition": "state.n == 2"}]},
        {"name": "work", "action": "a"},
        {"name": "meet", "join": {"branches": ["x"]}, "next": [{"step": "after"}]},
        {"name": "after", "action": "a"},
    ]}));
    run.succeed("fork", json!(1));
    run.succeed("work", json!(null));
    run.succeed("fork", json!(2));
    assert_eq!(run.steps(), ["work"], "x goes on again");
    run.succeed("work", json!(null));
    assert_eq!(run.steps(), ["after"]);
}

#[test]
fn a_join_that_nothing_can_satisfy_any_more_fails_the_run_with_the_reason() {
    let spec = json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "store": "n", "next": [
            {"step": "work", "branch": "x"},
            {"step": "work", "branch": "never", "condition": "state.n > 1"},
            {"step": "meet", "branch": "j"}]},
        {"name": "work", "action": "a"},
        {"name": "meet", "join": {"branches": ["x", "never"]}},
    ]});
    let mut run = Simulation::started(spec.clone());
    run.succeed("fork", json!(1));
    assert_eq!(run.error().kind, "join_unsatisfiable");
    assert_eq!(
        run.error().message,
        "step `meet` failed with join_unsatisfiable: 2 of its branches must complete, 0 did, \
         and `never` can't any more"
    );
    let mut run = Simulation::started(spec);
    run.succeed("fork", json!(2));
    run.succeed("work", json!(null));
    run.succeed("work", json!(null));
    assert!(run.ended.unwrap().is_ok());
}

#[test]
fn a_branch_that_can_still_be_started_is_waited_for() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "one", "branch": "x"}, {"step": "meet", "branch": "j"}]},
        {"name": "one", "action": "a", "store": "n", "next": [{"step": "two"}]},
        {"name": "two", "action": "a", "next": [
            {"step": "three"}, {"step": "three", "branch": "late", "condition": "state.n > 1"}]},
        {"name": "three", "action": "a"},
        {"name": "meet", "join": {"branches": ["late"]}, "next": [{"step": "after"}]},
        {"name": "after", "action": "a"},
    ]}));
    run.succeed("fork", json!(null));
    run.succeed("one", json!(1));
    assert!(run.ended.is_none(), "step two could still start `late`");
    run.succeed("two", json!(null));
    assert_eq!(run.error().kind, "join_unsatisfiable");
}

#[test]
fn branches_that_wait_for_each_other_fail_the_run() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "ja", "branch": "a"}, {"step": "jb", "branch": "b"},
            {"step": "work", "branch": "c"}]},
        {"name": "work", "action": "a"},
        {"name": "ja", "join": {"branches": ["b"]}},
        {"name": "jb", "join": {"branches": ["a"]}},
    ]}));
    run.succeed("fork", json!(null));
    assert!(run.ended.is_none());
    run.succeed("work", json!(null));
    assert_eq!(run.error().kind, "join_unsatisfiable");
    assert!(run.error().message.contains("every branch that is left"));
}

#[test]
fn a_join_that_passes_completes_the_join_of_another() {
    let mut run = Simulation::started(json!({"name": "w",
    "outputs": [{"name": "n", "variable": "n", "branch": "b"}],
    "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "work", "branch": "c"}, {"step": "jb", "branch": "b"},
            {"step": "ja", "branch": "a"}]},
        {"name": "work", "action": "a", "store": "n"},
        {"name": "ja", "join": {"branches": ["c"], "branch_mappings": {"c.n": "n"}}},
        {"name": "jb", "join": {"branches": ["a"], "branch_mappings": {"a.n": "n"}}},
    ]}));
    run.succeed("fork", json!(null));
    run.succeed("work", json!(9));
    assert_eq!(run.result(), &json!({"n": 9}));
}

#[test]
fn what_a_join_copies_counts_to_the_state() {
    let mut run = Simulation::new(spec(json!({"branch_mappings": {"a": "all"}})));
    run.limits.max_state_bytes = 4_000;
    run.apply(Event::Started);
    run.succeed("fork", json!(null));
    run.succeed("wa", json!("x".repeat(2_500)));
    run.succeed("wb", json!(1));
    run.succeed("wc", json!(1));
    assert_eq!(run.error().kind, "limit_exceeded");
}

#[test]
fn odd_names_of_branches_and_keys_are_like_any_other() {
    let mut run = Simulation::started(json!({"name": "w",
    "outputs": [{"name": "o", "variable": "x", "branch": "j*"}],
    "steps": [
        {"name": "fork it", "action": "a", "next": [
            {"step": "w.*", "branch": "a b.*"}, {"step": "meet", "branch": "j*"}]},
        {"name": "w.*", "action": "a", "store": "r"},
        {"name": "meet", "join": {"branch_mappings": {"a b.*.r.k 1": "x"}}},
    ]}));
    run.succeed("fork it", json!(null));
    run.succeed("w.*", json!({"k 1": {"*": 1, ".": 2}}));
    assert_eq!(run.result(), &json!({"o": {"*": 1, ".": 2}}));
}
