//! Steps that run once for each item.

use mobius_engine::{
    Event, FanOut, FanOutProgress, ItemDecision, ItemEvent, JobRef, Limits, MadeItems,
    RetryProgress, fan_out_items, settle_item,
};
use serde_json::{Value, json};

use crate::simulation::{ItemStatus, Simulation, boom};

fn spec(items: Value, extra: Value) -> Value {
    let mut each = json!({"items": items});
    each.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let bind = extra["as"].as_str().unwrap_or("item");
    json!({"name": "w", "state": {"list": [10, 20, 30], "n": 2},
    "steps": [
        {"name": "map", "action": "a", "store": "all", "each": each,
         "parameters": {"x": format!("${{state.{bind}}}"), "at": "${state.index}"}},
    ]})
}

fn parameters(run: &Simulation) -> Value {
    let job = run.fan_out();
    let made = fan_out_items(&run.run(), &run.state, &job, 0, 500).unwrap();
    made.parameters.into_iter().map(Value::Object).collect()
}

#[test]
fn items_are_elements_or_fields_or_one_value() {
    for (items, values) in [
        (json!(["a", null]), json!(["a", null])),
        (json!("${state.list}"), json!([10, 20, 30])),
        (json!(["${state.n}", "x${state.n}"]), json!([2, "x2"])),
        (
            json!({"b": 1, "a": "${state.n}"}),
            json!([{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ),
        (json!(7), json!([7])),
        (json!("text"), json!(["text"])),
        (json!("${state.n}"), json!([2])),
        (json!(false), json!([false])),
        (json!([[]]), json!([[]])),
    ] {
        let run = Simulation::started(spec(items.clone(), json!({})));
        let parameters = parameters(&run);
        let given: Value = parameters
            .as_array()
            .unwrap()
            .iter()
            .map(|given| given["x"].clone())
            .collect();
        assert_eq!(given, values, "{items}");
        assert_eq!(parameters[0]["at"], json!(0));
    }
}

#[test]
fn no_items_give_an_empty_list_and_no_fan_out() {
    for items in [
        json!(null),
        json!([]),
        json!({}),
        json!("${null}"),
        json!("${[]}"),
    ] {
        let run = Simulation::started(spec(items, json!({})));
        assert!(run.fan_outs.is_empty());
        assert_eq!(run.result()["all"], json!([]));
    }
}

#[test]
fn items_have_the_name_that_is_given_them() {
    let run = Simulation::started(spec(json!(["a"]), json!({"as": "file"})));
    assert_eq!(parameters(&run), json!([{"x": "a", "at": 0}]));
}

#[test]
fn results_are_a_list_in_the_order_of_the_items() {
    let mut run = Simulation::started(spec(json!("${state.list}"), json!({})));
    assert!(!run.state.is_parked(), "workers have something to do");
    let job = run.fan_out();
    run.make_items(&job, 2);
    run.make_items(&job, 2);
    for (index, result) in [(2, "c"), (0, "a"), (1, "b")] {
        run.end_item(&job, index, Ok(json!(result)));
    }
    assert_eq!(run.result()["all"], json!(["a", "b", "c"]));
    assert!(run.result().get("item").is_none(), "items are no variables");
}

#[test]
fn items_can_be_made_in_any_chunks_and_are_the_same() {
    let items: Vec<_> = (0..50).collect();
    let run = Simulation::started(spec(json!(items), json!({})));
    let job = run.fan_out();
    let all = fan_out_items(&run.run(), &run.state, &job, 0, 50)
        .unwrap()
        .parameters;
    assert_eq!(all.len(), 50);
    let mut made = Vec::new();
    for from in (0..50).step_by(7) {
        let next = fan_out_items(&run.run(), &run.state, &job, from, 7).unwrap();
        made.extend(next.parameters);
    }
    assert_eq!(made, all);
    let none = fan_out_items(&run.run(), &run.state, &job, 50, 7).unwrap();
    assert_eq!(none.parameters, []);
}

#[test]
fn large_items_come_in_smaller_chunks() {
    let text = "x".repeat(1_000_000);
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "map", "action": "a", "each": {"items": (0..200).collect::<Vec<_>>()},
         "parameters": {"text": "${inputs.text}${inputs.text}"}},
    ]}));
    run.inputs.insert("text".to_owned(), json!(text));
    run.apply(Event::Started);
    let job = run.fan_out();
    let MadeItems { parameters, work } =
        fan_out_items(&run.run(), &run.state, &job, 0, 200).unwrap();
    let made = parameters.len();
    assert!((1..50).contains(&made), "{made} items of 2 MB");
    assert!(work > MadeItems::ALL_WORK * 9 / 10, "{work}");
    let one = fan_out_items(&run.run(), &run.state, &job, 0, 1).unwrap();
    assert!(one.work < MadeItems::ALL_WORK / 5, "{}", one.work);
}

#[test]
fn held_back_items_follow_those_that_have_ended() {
    let mut run = Simulation::started(spec(json!([1, 2, 3, 4]), json!({"max_concurrency": 2})));
    let job = run.fan_out();
    run.make_items(&job, 4);
    let statuses = |run: &Simulation| -> Vec<ItemStatus> {
        let items = run.fan_outs[0].items.iter();
        items.map(|(_, status)| status.clone()).collect()
    };
    let (pending, held) = (ItemStatus::Pending, ItemStatus::HeldBack);
    assert_eq!(
        statuses(&run),
        [pending.clone(), pending.clone(), held.clone(), held.clone()]
    );
    run.end_item(&job, 1, Ok(json!(null)));
    assert_eq!(statuses(&run)[2..], [pending, held]);
}

#[test]
fn a_failed_item_fails_the_step_and_stops_the_others() {
    let mut run = Simulation::started(spec(json!([1, 2, 3]), json!({})));
    let job = run.fan_out();
    run.make_items(&job, 3);
    run.end_item(&job, 1, Err("card_declined"));
    assert_eq!(
        run.error().message,
        "step `map` failed with card_declined: boom"
    );
    assert!(!run.fan_outs[0].is_going());
}

#[test]
fn a_caught_failure_of_an_item_goes_on_elsewhere() {
    let mut spec = spec(json!([1, 2]), json!({}));
    spec["steps"][0]["catch"] = json!([{"error_equals": ["all"], "next": "b", "store": "e"}]);
    let step = json!({"name": "b", "action": "a"});
    spec["steps"].as_array_mut().unwrap().push(step);
    let mut run = Simulation::started(spec);
    let job = run.fan_out();
    run.make_items(&job, 2);
    run.end_item(&job, 0, Err("x"));
    assert!(!run.fan_outs[0].is_going(), "its other items have stopped");
    run.succeed("b", json!(null));
    assert_eq!(run.result()["e"]["error"], json!("x"));
}

#[test]
fn as_many_items_may_fail_as_are_allowed() {
    let allowed = json!({"max_failures": 1});
    let mut run = Simulation::started(spec(json!([1, 2, 3]), allowed.clone()));
    let job = run.fan_out();
    run.make_items(&job, 3);
    run.end_item(&job, 0, Ok(json!("a")));
    run.end_item(&job, 1, Err("x"));
    run.end_item(&job, 2, Ok(json!("c")));
    assert_eq!(
        run.result()["all"],
        json!(["a", {"error": "x", "message": "boom"}, "c"])
    );
    let mut run = Simulation::started(spec(json!([1, 2, 3]), allowed));
    let job = run.fan_out();
    run.make_items(&job, 3);
    run.end_item(&job, 0, Err("x"));
    run.end_item(&job, 1, Err("y"));
    assert_eq!(run.error().kind, "x");
}

#[test]
fn items_that_can_not_be_made_fail_the_step() {
    let run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "map", "action": "a", "each": {"items": "${state.nothing}"}},
    ]}));
    assert_eq!(run.error().kind, "expression_error");

    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "map", "action": "a", "each": {"items": [{"x": 1}, {}]},
         "parameters": {"x": "${state.item.x}"}},
    ]}));
    let job = run.fan_out();
    run.make_items(&job, 1);
    run.make_items(&job, 1);
    assert_eq!(
        run.error().message,
        "step `map` failed with expression_error: item 1: `state.item.x`: there is no key `x`; \
         test for it with has() or `in`"
    );
}

#[test]
fn only_a_branch_at_such_a_step_has_items() {
    let run = Simulation::started(json!({"name": "w", "steps": [{"name": "a", "action": "a"}]}));
    let job = run.job("a").job.clone();
    assert!(fan_out_items(&run.run(), &run.state, &job, 0, 1).is_err());
    let other = JobRef {
        branch: "x".to_owned(),
        visit: 1,
    };
    assert!(fan_out_items(&run.run(), &run.state, &other, 0, 1).is_err());
}

#[test]
fn items_are_limited_at_a_time_and_count_as_jobs() {
    let limited = |max_items, max_jobs| {
        let mut run = Simulation::new(spec(json!([1, 2, 3]), json!({})));
        run.limits = Limits {
            max_items,
            max_jobs,
            ..Limits::default()
        };
        run.apply(Event::Started);
        run
    };
    assert!(limited(3, 4).ended.is_none());
    let run = limited(2, 4);
    assert!(run.error().message.contains("more than 2 items at a time"));
    let run = limited(3, 3);
    assert!(run.error().message.contains("more than 3 step executions"));
}

#[test]
fn items_of_several_steps_are_limited_together() {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [{"step": "map"}, {"step": "map"}]},
        {"name": "map", "action": "a", "each": {"items": [1, 2, 3]}},
    ]}));
    run.limits.max_items = 5;
    run.apply(Event::Started);
    run.succeed("fork", json!(null));
    assert_eq!(run.error().kind, "limit_exceeded");
}

#[test]
fn an_item_is_retried_by_the_policies_of_its_step() {
    let mut spec = spec(json!([1]), json!({}));
    spec["steps"][0]["retry"] = json!([{"max_retries": 1, "timeout": "5s"}]);
    let run = Simulation::started(spec);
    let new = &run.fan_outs[0].new;
    assert_eq!(new.max_attempts, 2);
    assert_eq!(new.timeout.unwrap().as_secs(), 5);
    let settle = |event| settle_item(&run.definition, "map", &run.limits, event);
    let failed = |progress| ItemEvent::Failed {
        error: boom("x"),
        progress,
        attempt: 1,
        jitter: 0.0,
    };
    let ItemDecision::Retry {
        progress,
        max_attempts,
        ..
    } = settle(failed(RetryProgress::default()))
    else {
        panic!("the first failure is followed by a retry");
    };
    assert_eq!(max_attempts, 2);
    assert_eq!(
        settle(failed(progress)),
        ItemDecision::Fail { error: boom("x") }
    );
    assert_eq!(settle(ItemEvent::Succeeded), ItemDecision::Complete);
    assert_eq!(
        settle(ItemEvent::LeaseExpired { rescues: 4 }),
        ItemDecision::Rescue
    );
    let ItemDecision::Fail { error } = settle(ItemEvent::LeaseExpired { rescues: 5 }) else {
        panic!("the sixth lost worker is one too many");
    };
    assert_eq!(error.kind, "lease_expired");
}

#[test]
fn counters_tell_what_to_release_and_when_it_is_over() {
    let row = |created, released, completed, failed| FanOut {
        items: 10,
        created,
        released,
        completed,
        failed,
        max_concurrency: Some(3),
        max_failures: 1,
    };
    assert_eq!(row(0, 0, 0, 0).to_release(), 0);
    assert_eq!(row(10, 0, 0, 0).to_release(), 3);
    assert_eq!(row(2, 0, 0, 0).to_release(), 2);
    assert_eq!(row(10, 3, 1, 1).to_release(), 2);
    assert_eq!(row(10, 10, 8, 1).to_release(), 0);
    assert_eq!(row(10, 10, 8, 1).progress(), FanOutProgress::Going);
    assert_eq!(row(10, 10, 9, 1).progress(), FanOutProgress::Completed);
    assert_eq!(row(10, 10, 0, 2).progress(), FanOutProgress::Failed);
    let all = FanOut {
        max_concurrency: None,
        ..row(10, 0, 0, 0)
    };
    assert_eq!(all.to_release(), 10);
}
