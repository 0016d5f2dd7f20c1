//! Retries, rescues, catch clauses and failing runs.

use mobius_engine::{Event, Rejected, RetryProgress};
use serde_json::{Value, json};

use crate::simulation::{Simulation, failure, show};

fn one_step(extra: Value) -> Value {
    let mut step = json!({"name": "a", "action": "a"});
    step.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    json!({"name": "w", "steps": [step]})
}

#[test]
fn a_failure_without_retry_or_catch_fails_the_run_and_names_the_step() {
    let mut run = Simulation::started(one_step(json!({})));
    assert_eq!(run.job("a").max_attempts, 1);
    let actions = run.fail("a", "");
    assert_eq!(
        actions,
        [
            "fail main#1 (activity_failed)",
            "stop jobs",
            "fail run: step `a` failed with activity_failed: boom",
        ]
    );
    assert_eq!(run.error().details, Some(json!({"code": 7})));
}

#[test]
fn a_job_is_retried_until_its_policy_is_used_up() {
    let mut run = Simulation::started(one_step(json!({"retry": [
        {"max_retries": 2, "base_delay": "1s", "timeout": "5s"},
        {"error_equals": ["timeout"], "timeout": "9s", "max_retries": 7},
    ]})));
    let job = run.job("a").clone();
    assert_eq!(job.max_attempts, 8);
    assert_eq!(job.timeout.unwrap().as_secs(), 5);
    let mut progress = RetryProgress::default();
    let mut shown = Vec::new();
    for attempt in 1..=3 {
        shown.extend(run.apply(failure(job.job.clone(), "timeout", progress, attempt)));
        progress = RetryProgress {
            policy: Some(0),
            retries: attempt,
        };
    }
    insta::assert_snapshot!(shown.join("\n"), @r"
    retry main#1 after 1s (policy Some(0), retries 1, attempts 3, timeout Some(5s), timeout)
    retry main#1 after 2s (policy Some(0), retries 2, attempts 3, timeout Some(5s), timeout)
    fail main#1 (timeout)
    stop jobs
    fail run: step `a` failed with timeout: boom
    ");
}

#[test]
fn rescued_attempts_do_not_spend_retries() {
    let mut run = Simulation::started(one_step(json!({"retry": [{"max_retries": 2}]})));
    let job = run.job("a").job.clone();
    let actions = run.apply(failure(job, "x", RetryProgress::default(), 4));
    assert!(actions[0].contains("attempts 6,"), "{actions:?}");
}

#[test]
fn an_expired_lease_is_rescued_five_times_and_then_fails_uncaught_by_retry() {
    let mut run = Simulation::started(one_step(json!({"retry": [{"max_retries": 2}]})));
    let job = run.job("a").job.clone();
    for rescues in 0..5 {
        let actions = run.apply(Event::LeaseExpired {
            job: job.clone(),
            rescues,
        });
        assert_eq!(actions, ["rescue main#1"]);
    }
    let actions = run.apply(Event::LeaseExpired { job, rescues: 5 });
    assert_eq!(actions[0], "fail main#1 (lease_expired)");
    assert_eq!(run.error().kind, "lease_expired");
}

#[test]
fn a_caught_failure_goes_on_with_the_error_as_a_variable() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "catch": [
            {"error_equals": ["timeout"], "next": "c"},
            {"error_equals": [], "next": "b", "store": "problem"},
        ]},
        {"name": "b", "action": "a"},
        {"name": "c", "action": "a"},
    ]}));
    let actions = run.fail("a", "card_declined");
    assert_eq!(actions[0], "fail main#1 (card_declined)");
    assert_eq!(run.steps(), ["b"]);
    run.succeed("b", json!(null));
    let problem = json!({"error": "card_declined", "message": "boom", "details": {"code": 7}});
    assert_eq!(run.result(), &json!({ "problem": problem }));
}

#[test]
fn a_lost_lease_can_be_caught() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "catch": [
            {"error_equals": ["activity_failed", "timeout"], "next": "c"},
            {"error_equals": ["lease_expired"], "next": "b"},
        ]},
        {"name": "b", "action": "a"},
        {"name": "c", "action": "a"},
    ]}));
    let job = run.job("a").job.clone();
    run.apply(Event::LeaseExpired { job, rescues: 5 });
    assert_eq!(run.steps(), ["b"]);
}

#[test]
fn a_fatal_error_is_neither_retried_nor_caught_by_all() {
    let mut run = Simulation::started(one_step(json!({
        "retry": [{"error_equals": ["all"]}],
        "catch": [{"error_equals": ["all"], "next": "a"}],
    })));
    run.fail("a", "fatal_error");
    assert_eq!(run.error().kind, "fatal_error");
}

#[test]
fn a_branch_that_fails_stops_the_others() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": [{"step": "b"}, {"step": "c"}]},
        {"name": "b", "action": "a"},
        {"name": "c", "action": "a"},
    ]}));
    run.succeed("a", json!(null));
    let late = run.job("c").job.clone();
    run.fail("b", "x");
    assert!(run.open.is_empty());
    let before = run.state.clone();
    for event in [
        Event::JobSucceeded {
            job: late.clone(),
            result: json!(1),
        },
        failure(late.clone(), "x", RetryProgress::default(), 1),
        Event::LeaseExpired {
            job: late,
            rescues: 0,
        },
    ] {
        let transition = run.decide(event).unwrap();
        assert_eq!(transition.state, before);
        assert_eq!(transition.actions.len(), 1);
    }
}

#[test]
fn failing_parameters_fail_the_step_without_a_job() {
    let spec = |catch: Value| {
        json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "parameters": {"x": "${state.nothing}"},
             "retry": [{"error_equals": ["all"]}], "catch": catch},
            {"name": "b", "action": "a"},
        ]})
    };
    for pattern in ["all", "expression_error"] {
        let catch = json!([{"error_equals": [pattern], "next": "b", "store": "e"}]);
        let mut run = Simulation::started(spec(catch));
        assert_eq!(run.steps(), ["b"]);
        run.succeed("b", json!(null));
        assert_eq!(run.result()["e"]["error"], json!("expression_error"));
    }
    let catch = json!([{"error_equals": ["activity_failed"], "next": "b"}]);
    let run = Simulation::started(spec(catch));
    assert_eq!(run.error().kind, "expression_error");
    assert_eq!(
        run.error().message,
        "step `a` failed with expression_error: `state.nothing`: there is no key `nothing`; \
         test for it with has() or `in`"
    );
}

#[test]
fn a_condition_that_errors_fails_its_step_and_is_not_false() {
    let spec = |catch: Value| {
        json!({"name": "w", "steps": [
            {"name": "a", "action": "a", "store": "r", "catch": catch,
             "next": [{"step": "b"}, {"step": "b", "condition": "state.nothing > 1"}]},
            {"name": "b", "action": "a"},
        ]})
    };
    let mut run = Simulation::started(spec(json!([])));
    let actions = run.succeed("a", json!(1));
    assert_eq!(actions[0], "complete main#1");
    assert_eq!(run.error().kind, "expression_error");

    let catch = json!([{"error_equals": ["expression_error"], "next": "b"}]);
    let mut run = Simulation::started(spec(catch));
    run.succeed("a", json!(1));
    run.succeed("b", json!(null));
    assert_eq!(run.result(), &json!({"r": 1}));
}

#[test]
fn a_run_that_fails_at_once_makes_no_jobs() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": [{"step": "b"}, {"step": "c"}, {"step": "b"}]},
        {"name": "b", "action": "a"},
        {"name": "c", "action": "a", "parameters": {"x": "${state.nothing}"}},
    ]}));
    let actions = run.succeed("a", json!(1));
    assert_eq!(actions.len(), 3, "{actions:?}");
    assert_eq!(actions[..2], ["complete main#1", "stop jobs"]);
}

#[test]
fn events_that_do_not_fit_are_rejected() {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "next": [{"step": "b"}]}, {"name": "b", "action": "a"},
    ]}));
    let stale = mobius_engine::JobRef {
        branch: "main".to_owned(),
        visit: 1,
    };
    let event = Event::JobSucceeded {
        job: stale.clone(),
        result: json!(null),
    };
    assert_eq!(run.decide(event.clone()), Err(Rejected::NotStarted));
    run.apply(Event::Started);
    assert_eq!(run.decide(Event::Started), Err(Rejected::AlreadyStarted));
    run.apply(event.clone());
    // A job that its branch has left behind ends, and nothing else happens.
    let before = run.state.clone();
    for (event, action) in [
        (event, "complete main#1"),
        (
            failure(stale.clone(), "x", RetryProgress::default(), 1),
            "fail main#1 (x)",
        ),
        (
            Event::LeaseExpired {
                job: stale.clone(),
                rescues: 0,
            },
            "fail main#1 (lease_expired)",
        ),
    ] {
        let transition = run.decide(event).unwrap();
        assert_eq!(transition.state, before);
        let actions: Vec<_> = transition.actions.iter().map(show).collect();
        assert_eq!(actions, [action]);
    }
    let rejected = Err(Rejected::NotCurrent {
        branch: "main".to_owned(),
        visit: 1,
    });
    assert_eq!(run.decide(Event::TimerFired { job: stale }), rejected);
}
