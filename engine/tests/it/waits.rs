//! Steps that wait: for signals, for a time, for an operator, for an answer.

use mobius_engine::{Event, Limits, Rejected};
use serde_json::{Value, json};

use crate::simulation::{Simulation, signal};

/// One step that waits for a signal, and one behind it.
fn waiting_for(wait: Value) -> Value {
    json!({"name": "w", "state": {"order": 7}, "steps": [
        {"name": "hear", "wait_signal": wait, "next": [{"step": "after"}]},
        {"name": "after", "action": "a"},
        {"name": "late", "action": "a"},
    ]})
}

fn started(wait: Value) -> Simulation {
    let mut spec = waiting_for(wait);
    if spec["steps"][0]["wait_signal"]["on_timeout"].is_null() {
        spec["steps"].as_array_mut().unwrap().pop();
    }
    Simulation::started(spec)
}

#[test]
fn a_signal_that_comes_later_moves_its_branch_on() {
    let mut run = started(json!({"topic": "go", "timeout": "1h", "store": "s"}));
    assert!(run.state.is_parked());
    assert_eq!(run.signal("stop", json!({})), [""; 0]);
    let actions = run.signal("go", json!({"by": "Ann"}));
    assert_eq!(
        actions,
        [
            "consume signal main#1",
            "stop timer main#1",
            "enqueue main#2 at after (attempts 1, timeout None)",
        ]
    );
    assert!(!run.state.is_parked());
    assert_eq!(run.state.stored_signals(), 1);
    run.succeed("after", json!(null));
    assert_eq!(run.result(), &json!({"order": 7, "s": {"by": "Ann"}}));
}

#[test]
fn a_signal_that_came_before_the_wait_is_consumed_at_once() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "first", "action": "a", "next": [{"step": "hear"}]},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h", "store": "s"}},
    ]}));
    run.signal("go", json!({"n": 1}));
    run.signal("go", json!({"n": 2}));
    let actions = run.succeed("first", json!(null));
    assert_eq!(actions[1], "consume signal main#2");
    assert_eq!(run.result(), &json!({"s": {"n": 1}}));
    assert_eq!(run.state.stored_signals(), 1);
}

#[test]
fn signals_are_consumed_in_order_by_a_loop() {
    let mut run = Simulation::new(json!({"name": "w", "state": {"s": {"n": 0}}, "steps": [
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h", "store": "s"},
         "next": [{"step": "hear", "condition": "state.s.n < 3"}]},
    ]}));
    run.apply(Event::Started);
    for n in 1..=3 {
        run.signal("go", json!({"n": n}));
    }
    assert_eq!(run.result(), &json!({"s": {"n": 3}}));
    assert_eq!(run.consumed.len(), 3);
}

#[test]
fn of_several_waits_the_longest_gets_the_signal() {
    let mut run = Simulation::started(json!({"name": "w",
    "outputs": [{"name": "z", "variable": "s", "branch": "z"}],
    "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "nap", "branch": "a"}, {"step": "hear", "branch": "z"}]},
        {"name": "nap", "sleep": {"duration": "1s"}, "next": [{"step": "hear"}]},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h", "store": "s"}},
    ]}));
    run.succeed("fork", json!(null));
    run.fire();
    let actions = run.signal("go", json!({"n": 1}));
    assert_eq!(actions[0], "consume signal z#3");
    run.signal("go", json!({"n": 2}));
    assert_eq!(run.result(), &json!({"z": {"n": 1}}));
}

#[test]
fn topic_and_timeout_may_be_templates() {
    let mut run = started(json!({"topic": "order-${state.order}", "timeout": "${state.order}m"}));
    assert_eq!(run.timers[0].1.timestamp(), 7 * 60);
    run.signal("order-7", json!({}));
    assert_eq!(run.steps(), ["after"]);
    let run = started(json!({"topic": "${state.order}", "timeout": "1h"}));
    assert!(run.state.is_parked());

    for (wait, problem) in [
        (
            json!({"topic": "${''}", "timeout": "1h"}),
            "the topic is empty",
        ),
        (
            json!({"topic": "${' '}", "timeout": "1h"}),
            "the topic is empty",
        ),
        (
            json!({"topic": "${[1]}", "timeout": "1h"}),
            "the topic is not text, but of type list",
        ),
        (
            json!({"topic": "t", "timeout": "${state.order}"}),
            "a duration is not text like `90s`, but of type int",
        ),
        (
            json!({"topic": "t", "timeout": "${state.order} days"}),
            "the duration `7 days` has no known unit",
        ),
        (
            json!({"topic": "t", "timeout": "${'0'}s"}),
            "the duration `0s` is zero",
        ),
    ] {
        let run = started(wait.clone());
        let error = run.error();
        assert_eq!(error.kind, "expression_error");
        assert!(error.message.contains(problem), "{wait}: {error:?}");
    }
}

#[test]
fn a_wait_that_took_too_long_goes_elsewhere_or_fails_the_run() {
    let mut run = started(json!({"topic": "go", "timeout": "24h", "on_timeout": "late"}));
    let actions = run.fire();
    assert_eq!(
        actions,
        ["enqueue main#2 at late (attempts 1, timeout None)"]
    );

    let mut run = started(json!({"topic": "go", "timeout": "24h"}));
    run.fire();
    assert_eq!(run.error().kind, "timeout");
    assert_eq!(
        run.error().message,
        "step `hear` failed with timeout: no signal `go` came within 24h"
    );
}

#[test]
fn a_timer_of_an_earlier_wait_is_rejected() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"},
         "next": [{"step": "hear"}]},
    ]}));
    let (old, _) = run.timers[0].clone();
    run.signal("go", json!({}));
    let fired = run.try_apply(Event::TimerFired { job: old });
    assert!(
        matches!(fired, Err(Rejected::NotCurrent { .. })),
        "{fired:?}"
    );
}

#[test]
fn signals_that_nothing_consumes_are_limited_in_number_and_size() {
    let mut run =
        Simulation::started(json!({"name": "w", "steps": [{"name": "a", "action": "a"}]}));
    run.limits = Limits {
        max_stored_signals: 2,
        max_stored_signal_bytes: 50,
        ..Limits::default()
    };
    run.signal("s", json!({}));
    let large = run.try_apply(signal("s", json!({"text": "x".repeat(40)})));
    assert!(
        matches!(large, Err(Rejected::TooManySignals { count: 1, .. })),
        "{large:?}"
    );
    run.signal("s", json!({}));
    let third = run.try_apply(signal("s", json!({})));
    assert!(
        matches!(third, Err(Rejected::TooManySignals { count: 2, .. })),
        "{third:?}"
    );
    assert_eq!(run.signals.len(), 2);
}

#[test]
fn a_sleep_waits_for_its_time_and_none_for_no_time() {
    let nap = |duration: &str| {
        json!({"name": "w", "state": {"n": 3}, "steps": [
            {"name": "nap", "sleep": {"duration": duration}, "next": [{"step": "after"}]},
            {"name": "after", "action": "a"},
        ]})
    };
    let mut run = Simulation::started(nap("${state.n}h"));
    assert!(run.state.is_parked());
    assert_eq!(run.timers[0].1.timestamp(), 3 * 3_600);
    assert_eq!(
        run.fire(),
        ["enqueue main#2 at after (attempts 1, timeout None)"]
    );
    let run = Simulation::started(nap("0s"));
    assert_eq!(run.steps(), ["after"]);
    let run = Simulation::started(nap("${duration('90m')}"));
    assert_eq!(run.timers[0].1.timestamp(), 90 * 60);
}

#[test]
fn a_resume_clears_every_pause() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "hold"}, {"step": "hold"}, {"step": "nap"}]},
        {"name": "hold", "pause": {"reason": "look first"}, "next": [{"step": "after"}]},
        {"name": "nap", "sleep": {"duration": "1h"}},
        {"name": "after", "action": "a"},
    ]}));
    assert_eq!(run.try_apply(Event::Resumed), Err(Rejected::NotPaused));
    run.succeed("fork", json!(null));
    assert!(run.state.is_parked());
    run.apply(Event::Resumed);
    assert_eq!(run.steps(), ["after", "after"]);
    assert_eq!(run.try_apply(Event::Resumed), Err(Rejected::NotPaused));
}

fn asking(fields: Value) -> Value {
    let mut ask = json!({"type": "approval", "message": "Pay ${state.n}?", "timeout": "2h",
        "context": {"order": {"id": "${state.n}"}}, "target": {"type": "user", "id": "u"}});
    ask.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let mut steps = json!([
        {"name": "Ann's word", "interaction": ask, "next": [{"step": "after"}]},
        {"name": "after", "action": "a"},
    ]);
    if !fields["on_timeout"].is_null() {
        let late = json!({"name": "late", "action": "a"});
        steps.as_array_mut().unwrap().push(late);
    }
    json!({"name": "w", "state": {"n": 5}, "steps": steps})
}

#[test]
fn an_answer_is_a_variable_named_after_its_step_or_as_wanted() {
    let mut run = Simulation::started(asking(json!({})));
    assert!(run.state.is_parked());
    let asked = &run.interactions[0];
    assert_eq!(asked.config.message, "Pay 5?");
    assert_eq!(
        asked.config.context.clone().map(Value::Object),
        Some(json!({"order": {"id": 5}}))
    );
    assert_eq!(asked.expires_at.timestamp(), 2 * 3_600);
    let actions = run.answer(json!({"ok": true}));
    assert_eq!(actions[0], "stop timer main#1");
    run.succeed("after", json!(null));
    assert_eq!(run.result(), &json!({"n": 5, "Ann's word": {"ok": true}}));

    let mut run = Simulation::started(asking(json!({"store": "word"})));
    run.answer(json!(false));
    run.succeed("after", json!(null));
    assert_eq!(run.result(), &json!({"n": 5, "word": false}));
}

#[test]
fn a_question_without_answer_goes_elsewhere_or_fails_the_run() {
    let mut run = Simulation::started(asking(json!({"on_timeout": "late"})));
    let actions = run.fire();
    assert_eq!(
        actions,
        [
            "close question main#1",
            "enqueue main#2 at late (attempts 1, timeout None)"
        ]
    );
    let mut run = Simulation::started(asking(json!({})));
    let asked = run.interactions[0].job.clone();
    run.fire();
    assert_eq!(
        run.error().message,
        "step `Ann's word` failed with timeout: nobody answered within 2h"
    );
    let late = Event::InteractionAnswered {
        job: asked,
        response: json!(1),
    };
    assert_eq!(run.try_apply(late), Err(Rejected::Ended));
}

#[test]
fn a_run_is_parked_only_while_every_branch_is() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "hear", "branch": "l"}, {"step": "work", "branch": "r"}, {"step": "meet"}]},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"}},
        {"name": "work", "action": "a", "next": [{"step": "hear"}]},
        {"name": "meet", "join": {}},
    ]}));
    run.succeed("fork", json!(null));
    assert!(!run.state.is_parked());
    run.succeed("work", json!(null));
    assert!(run.state.is_parked());
    run.signal("go", json!({}));
    run.signal("go", json!({}));
    assert!(run.state.has_ended());
    assert!(!run.state.is_parked());
}
