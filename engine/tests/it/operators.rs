//! What operators do to runs: cancel and retry. Resuming is in `waits`.

use mobius_engine::{Event, Rejected, RetryFrom, RetryProgress};
use serde_json::json;

use crate::simulation::{Simulation, failure};

fn cancel(claimed: u32) -> Event {
    Event::CancelRequested {
        reason: "cancelled by Ann".to_owned(),
        claimed,
    }
}

fn retry(run: &mut Simulation, from: RetryFrom) -> Vec<String> {
    run.facts.attempt += 1;
    run.apply(Event::RetryRequested { from })
}

/// Two branches at work, and one that waits for each thing there is.
fn forked() -> Simulation {
    let mut run = Simulation::started(json!({"name": "w", "state": {"n": 1}, "steps": [
        {"name": "fork", "action": "a", "next": [
            {"step": "one", "branch": "one"}, {"step": "two", "branch": "two"},
            {"step": "hear", "branch": "hear"}, {"step": "nap", "branch": "nap"},
            {"step": "hold", "branch": "hold"}, {"step": "ask", "branch": "ask"},
            {"step": "map", "branch": "map"}, {"step": "meet", "branch": "meet"}]},
        {"name": "one", "action": "a"},
        {"name": "two", "action": "a"},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"}},
        {"name": "nap", "sleep": {"duration": "1m"}},
        {"name": "hold", "pause": {}},
        {"name": "ask", "interaction": {"type": "review", "message": "Try ${run.attempt}?",
            "timeout": "2h", "target": {"type": "group", "id": "g"}}},
        {"name": "map", "action": "a", "each": {"items": [1, 2]}},
        {"name": "meet", "join": {"branches": ["one"]}},
    ]}));
    run.succeed("fork", json!(null));
    run
}

#[test]
fn a_run_that_no_worker_holds_is_cancelled_at_once() {
    let mut run = forked();
    run.apply(cancel(0));
    assert!(run.state.has_ended());
    assert_eq!(run.error().kind, "cancelled");
    assert_eq!(run.error().message, "cancelled by Ann");
}

#[test]
fn a_cancelled_run_ends_when_its_last_worker_has_answered() {
    let mut run = forked();
    let held: Vec<_> = run.open.iter().map(|job| job.job.clone()).collect();
    run.claimed.extend(held.iter().cloned());
    run.signal("other", json!({}));
    assert_eq!(run.apply(cancel(2)), ["stop jobs"]);
    assert!(run.state.is_cancelling());
    assert!(!run.state.has_ended());
    // Twice is once, and nothing else goes on.
    assert_eq!(run.apply(cancel(2)), [""; 0]);
    assert_eq!(run.try_apply(Event::Resumed), Err(Rejected::Cancelling));
    let retried = run.try_apply(Event::RetryRequested {
        from: RetryFrom::Failure,
    });
    assert_eq!(retried, Err(Rejected::NotFailed));

    let failed = failure(held[0].clone(), "x", RetryProgress::default(), 1);
    assert_eq!(
        run.apply(failed),
        [format!("fail one#{} (x)", held[0].visit)]
    );
    assert!(!run.state.has_ended());
    let actions = run.apply(Event::JobSucceeded {
        job: held[1].clone(),
        result: json!(1),
    });
    assert_eq!(
        actions,
        [
            format!("complete two#{}", held[1].visit),
            "fail run: cancelled by Ann".to_owned()
        ]
    );
    assert!(run.state.has_ended() && !run.state.is_cancelling());
    assert_eq!(run.try_apply(cancel(0)), Err(Rejected::Ended));
}

#[test]
fn a_lost_worker_counts_for_a_cancelled_run_too() {
    let mut run = forked();
    let job = run.job("one").job.clone();
    run.claimed.insert(job.clone());
    run.apply(cancel(1));
    run.apply(Event::LeaseExpired { job, rescues: 0 });
    assert_eq!(run.error().kind, "cancelled");
}

#[test]
fn a_retry_goes_on_from_where_each_branch_stood() {
    let mut run = forked();
    let items = run.fan_out();
    run.make_items(&items, 2);
    run.end_item(&items, 0, Ok(json!(null)));
    let old = run.job("two").job.clone();
    let timers = run.timers.clone();
    run.fail("one", "x");
    let actions = retry(&mut run, RetryFrom::Failure);
    insta::assert_snapshot!(actions.join("\n"), @r"
    start timer hear#4 at 3600s
    start timer nap#5 at 60s
    ask ask#7 (Try 2?)
    start timer ask#7 at 7200s
    restart fan-out map#8
    enqueue two#11 at two (attempts 1, timeout None)
    enqueue one#12 at one (attempts 1, timeout None)
    ");
    assert_eq!(run.timers, timers, "waits keep the time that they had");
    assert_eq!(run.fan_outs[0].counters.completed, 1);
    // A job of before the retry ends and moves nothing.
    let before = run.state.clone();
    run.told_to_cancel.push(old.clone());
    run.apply(Event::JobSucceeded {
        job: old,
        result: json!(1),
    });
    assert_eq!(run.state, before);

    run.succeed("one", json!(null));
    run.succeed("two", json!(null));
    run.end_item(&items, 1, Ok(json!(null)));
    run.signal("go", json!({}));
    run.fire();
    run.answer(json!(true));
    run.apply(Event::Resumed);
    assert!(run.ended.unwrap().is_ok());
}

#[test]
fn a_retried_fan_out_runs_the_items_that_failed() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "map", "action": "a", "store": "all", "each": {"items": [1, 2, 3]}},
    ]}));
    let job = run.fan_out();
    run.make_items(&job, 2);
    run.end_item(&job, 0, Ok(json!("a")));
    run.end_item(&job, 1, Err("x"));
    assert_eq!(
        retry(&mut run, RetryFrom::Failure),
        ["restart fan-out main#1"]
    );
    run.make_items(&job, 9);
    run.end_item(&job, 1, Ok(json!("b")));
    run.end_item(&job, 2, Ok(json!("c")));
    assert_eq!(run.result()["all"], json!(["a", "b", "c"]));
}

#[test]
fn a_wait_that_timed_out_waits_anew_when_the_run_is_retried() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"}},
    ]}));
    run.fire();
    assert_eq!(run.error().kind, "timeout");
    assert_eq!(
        retry(&mut run, RetryFrom::Failure),
        ["start timer main#3 at 7200s"]
    );
    run.signal("go", json!({}));
    assert!(run.ended.unwrap().is_ok());
}

#[test]
fn a_retry_of_a_cancelled_run_goes_on_too() {
    let mut run = forked();
    run.claimed.insert(run.job("one").job.clone());
    let held = run.job("one").job.clone();
    run.apply(cancel(1));
    run.apply(Event::JobSucceeded {
        job: held,
        result: json!(1),
    });
    retry(&mut run, RetryFrom::Failure);
    assert_eq!(run.steps(), ["one", "two"]);
}

#[test]
fn a_retry_from_the_start_runs_the_whole_again() {
    let mut run = Simulation::started(json!({"name": "w", "state": {"n": 1}, "steps": [
        {"name": "a", "action": "a", "store": "n", "parameters": {"n": "${state.n}"},
         "next": [{"step": "b", "branch": "x"}]},
        {"name": "b", "action": "a"},
    ]}));
    run.signal("s", json!({}));
    run.succeed("a", json!(2));
    run.fail("b", "x");
    let actions = retry(&mut run, RetryFrom::Start);
    assert_eq!(
        actions,
        ["enqueue main#4 at a (attempts 1, timeout None)"],
        "step executions go on counting"
    );
    assert_eq!(run.job("a").parameters["n"], json!(1));
    assert_eq!(run.state.stored_signals(), 1, "nothing has consumed it");
}

#[test]
fn expressions_see_the_new_attempt() {
    let mut run = forked();
    run.fail("one", "x");
    retry(&mut run, RetryFrom::Failure);
    assert_eq!(run.interactions[0].config.message, "Try 2?");
}

#[test]
fn what_a_failing_transition_would_have_begun_begins_with_the_retry() {
    let mut run = Simulation::started(json!({"name": "w", "state": {"n": 1}, "steps": [
        {"name": "fork", "action": "a", "store": "n", "next": [
            {"step": "work"}, {"step": "map"}, {"step": "hear"}, {"step": "ask"},
            {"step": "bad"}]},
        {"name": "work", "action": "a"},
        {"name": "map", "action": "a", "each": {"items": [1]}},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"},
         "next": [{"step": "after"}]},
        {"name": "ask", "interaction": {"type": "input", "message": "?", "timeout": "1h",
            "target": {"type": "user", "id": "u"}}},
        {"name": "bad", "action": "a", "parameters": {"x": "${10 / (run.attempt - 1)}"}},
        {"name": "after", "action": "a"},
    ]}));
    run.signal("go", json!({}));
    let actions = run.succeed("fork", json!(null));
    insta::assert_snapshot!(actions.join("\n"), @r"
    complete main#1
    consume signal branch-3#4
    stop jobs
    fail run: step `bad` failed with expression_error: `10 / (run.attempt - 1)`: a number is divided by zero
    ");
    let actions = retry(&mut run, RetryFrom::Failure);
    insta::assert_snapshot!(actions.join("\n"), @r"
    ask branch-4#5 (?)
    start timer branch-4#5 at 3600s
    enqueue branch-1#8 at work (attempts 1, timeout None)
    fan out branch-2#9 at map (1 items, concurrency None, failures 0)
    enqueue branch-5#10 at bad (attempts 1, timeout None)
    enqueue branch-3#11 at after (attempts 1, timeout None)
    ");
}

#[test]
fn only_a_failed_run_is_retried() {
    let mut run = forked();
    for from in [RetryFrom::Failure, RetryFrom::Start] {
        let retried = run.try_apply(Event::RetryRequested { from });
        assert_eq!(retried, Err(Rejected::NotFailed));
    }
    let mut run =
        Simulation::started(json!({"name": "w", "steps": [{"name": "a", "action": "a"}]}));
    run.succeed("a", json!(null));
    let retried = run.try_apply(Event::RetryRequested {
        from: RetryFrom::Start,
    });
    assert_eq!(retried, Err(Rejected::NotFailed));
}

#[test]
fn a_run_that_fails_again_at_once_keeps_its_branches() {
    let mut run = Simulation::started(json!({"name": "w", "steps": [
        {"name": "fork", "action": "a", "next": [{"step": "work"}, {"step": "bad"}]},
        {"name": "work", "action": "a"},
        {"name": "bad", "action": "a", "parameters": {"x": "${10 / (run.attempt - 3)}"}},
    ]}));
    run.facts.attempt = 3;
    run.succeed("fork", json!(null));
    run.facts.attempt = 2;
    retry(&mut run, RetryFrom::Failure);
    assert!(run.ended.as_ref().unwrap().is_err());
    retry(&mut run, RetryFrom::Failure);
    assert_eq!(run.steps(), ["bad", "work"]);
}
