//! The whole table of what follows from which event in which state of a run.

use mobius_engine::{Event, JobRef, RetryFrom, RetryProgress};
use serde_json::{Value, json};

use crate::simulation::{Simulation, boom, failure, show, signal};

/// One branch for each thing that a branch can wait for.
fn spec() -> Value {
    let to = |step: &str, branch: &str| json!({"step": step, "branch": branch});
    json!({"name": "w", "steps": [
        {"name": "fork", "sleep": {"duration": "0s"}, "next": [
            to("work", "job"), to("map", "items"), to("hear", "signal"), to("nap", "time"),
            to("hold", "pause"), to("ask", "question"), to("meet", "join")]},
        {"name": "work", "action": "a", "retry": [{"max_retries": 1}]},
        {"name": "map", "action": "a", "each": {"items": [1, 2]}},
        {"name": "hear", "wait_signal": {"topic": "go", "timeout": "1h"}},
        {"name": "nap", "sleep": {"duration": "1m"}},
        {"name": "hold", "pause": {}},
        {"name": "ask", "interaction": {"type": "approval", "message": "Sure?", "timeout": "2h",
            "target": {"type": "user", "id": "u"}}},
        {"name": "meet", "join": {"branches": ["job"]}},
    ]})
}

fn run_in(phase: &str) -> Simulation {
    let mut run = Simulation::new(spec());
    if phase != "new" {
        run.apply(Event::Started);
    }
    match phase {
        "cancelling" => {
            run.claimed.insert(run.open[0].job.clone());
            run.apply(cancel(2));
        }
        "completed" => {
            run.succeed("work", json!(1));
            let items = run.fan_out();
            run.make_items(&items, 2);
            run.end_item(&items, 0, Ok(json!(1)));
            run.end_item(&items, 1, Ok(json!(2)));
            run.signal("go", json!({}));
            run.fire();
            run.answer(json!(true));
            run.apply(Event::Resumed);
        }
        "failed" => {
            run.fail("work", "fatal_error");
        }
        _ => {}
    }
    run
}

fn job(branch: &str, visit: i32) -> JobRef {
    JobRef {
        branch: branch.to_owned(),
        visit,
    }
}

fn cancel(claimed: u32) -> Event {
    Event::CancelRequested {
        reason: "cancelled by Ann".to_owned(),
        claimed,
    }
}

fn job_refused() -> Event {
    Event::JobRefused {
        job: job("job", 2),
        error: boom("limit_exceeded"),
    }
}

fn fan_out_refused() -> Event {
    Event::FanOutRefused {
        job: job("items", 3),
        error: boom("limit_exceeded"),
    }
}

fn events() -> Vec<(&'static str, Event)> {
    let spent = RetryProgress {
        policy: Some(0),
        retries: 1,
    };
    let succeeded = |job| Event::JobSucceeded {
        job,
        result: json!(1),
    };
    let lost = |rescues| Event::LeaseExpired {
        job: job("job", 2),
        rescues,
    };
    let items = |branch, visit| Event::FanOutCompleted {
        job: job(branch, visit),
        results: json!([1, 2]),
    };
    let failed = |job| Event::FanOutFailed {
        job,
        error: boom("x"),
    };
    let fired = |branch, visit| Event::TimerFired {
        job: job(branch, visit),
    };
    let answer = |branch, visit| Event::InteractionAnswered {
        job: job(branch, visit),
        response: json!(true),
    };
    let retry = |from| Event::RetryRequested { from };
    let fails = |progress| failure(job("job", 2), "x", progress, 1 + progress.retries);
    vec![
        ("started", Event::Started),
        ("job succeeded", succeeded(job("job", 2))),
        ("job failed", fails(RetryProgress::default())),
        ("job failed for good", fails(spent)),
        ("lease expired", lost(0)),
        ("lease expired for good", lost(5)),
        ("job refused", job_refused()),
        ("old job succeeded", succeeded(job("job", 1))),
        ("fan-out completed", items("items", 3)),
        ("old fan-out completed", items("items", 2)),
        ("fan-out of a job completed", items("job", 2)),
        ("fan-out failed", failed(job("items", 3))),
        ("fan-out refused", fan_out_refused()),
        ("signal", signal("go", json!({}))),
        ("other signal", signal("stop", json!({}))),
        ("timer of signal", fired("signal", 4)),
        ("timer of sleep", fired("time", 5)),
        ("timer of question", fired("question", 7)),
        ("timer of job", fired("job", 2)),
        ("resumed", Event::Resumed),
        ("answered", answer("question", 7)),
        ("signal answered", answer("signal", 4)),
        ("cancel, nothing held", cancel(0)),
        ("cancel", cancel(1)),
        ("retry", retry(RetryFrom::Failure)),
        ("retry from the start", retry(RetryFrom::Start)),
    ]
}

/// One line for each event.
fn outcomes(phase: &str) -> String {
    let before = run_in(phase);
    let outcome = |(name, event)| match before.decide(event) {
        Ok(transition) => {
            let actions: Vec<_> = transition.actions.iter().map(show).collect();
            let changed = transition.state != before.state;
            match actions.join(", ").as_str() {
                "" if changed => format!("{name}: applied"),
                "" => format!("{name}: nothing"),
                actions => format!("{name}: {actions}"),
            }
        }
        Err(rejected) => format!("{name}: rejected, {rejected}"),
    };
    let lines: Vec<_> = events().into_iter().map(outcome).collect();
    lines.join("\n")
}

#[test]
fn only_a_start_applies_to_a_new_run() {
    insta::assert_snapshot!(outcomes("new"), @r"
    started: enqueue job#2 at work (attempts 2, timeout None), fan out items#3 at map (2 items, concurrency None, failures 0), start timer signal#4 at 3600s, start timer time#5 at 60s, ask question#7 (Sure?), start timer question#7 at 7200s
    job succeeded: rejected, the run was not started yet
    job failed: rejected, the run was not started yet
    job failed for good: rejected, the run was not started yet
    lease expired: rejected, the run was not started yet
    lease expired for good: rejected, the run was not started yet
    job refused: rejected, the run was not started yet
    old job succeeded: rejected, the run was not started yet
    fan-out completed: rejected, the run was not started yet
    old fan-out completed: rejected, the run was not started yet
    fan-out of a job completed: rejected, the run was not started yet
    fan-out failed: rejected, the run was not started yet
    fan-out refused: rejected, the run was not started yet
    signal: rejected, the run was not started yet
    other signal: rejected, the run was not started yet
    timer of signal: rejected, the run was not started yet
    timer of sleep: rejected, the run was not started yet
    timer of question: rejected, the run was not started yet
    timer of job: rejected, the run was not started yet
    resumed: rejected, the run was not started yet
    answered: rejected, the run was not started yet
    signal answered: rejected, the run was not started yet
    cancel, nothing held: rejected, the run was not started yet
    cancel: rejected, the run was not started yet
    retry: rejected, the run was not started yet
    retry from the start: rejected, the run was not started yet
    ");
}

#[test]
fn every_event_of_a_current_step_execution_applies_to_a_live_run() {
    insta::assert_snapshot!(outcomes("live"), @r"
    started: rejected, the run was started already
    job succeeded: complete job#2
    job failed: retry job#2 after 1s (policy Some(0), retries 1, attempts 2, timeout None, x)
    job failed for good: fail job#2 (x), stop jobs, fail run: step `work` failed with x: boom
    lease expired: rescue job#2
    lease expired for good: fail job#2 (lease_expired), stop jobs, fail run: step `work` failed with lease_expired: no worker finished the job or was heard of in time, 6 times over
    job refused: fail job#2 (limit_exceeded), stop jobs, fail run: step `work` failed with limit_exceeded: boom
    old job succeeded: complete job#1
    fan-out completed: applied
    old fan-out completed: rejected, step execution 2 of branch `items` is not its current one
    fan-out of a job completed: rejected, step execution 2 of branch `job` is not its current one
    fan-out failed: stop fan-out items#3, stop jobs, fail run: step `map` failed with x: boom
    fan-out refused: stop fan-out items#3, stop jobs, fail run: step `map` failed with limit_exceeded: boom
    signal: consume signal signal#4, stop timer signal#4
    other signal: applied
    timer of signal: stop jobs, fail run: step `hear` failed with timeout: no signal `go` came within 1h
    timer of sleep: applied
    timer of question: close question question#7, stop jobs, fail run: step `ask` failed with timeout: nobody answered within 2h
    timer of job: rejected, step execution 2 of branch `job` is not its current one
    resumed: applied
    answered: stop timer question#7
    signal answered: rejected, step execution 4 of branch `signal` is not its current one
    cancel, nothing held: stop jobs, fail run: cancelled by Ann
    cancel: stop jobs
    retry: rejected, the run has not failed
    retry from the start: rejected, the run has not failed
    ");
}

#[test]
fn a_run_that_is_cancelled_waits_for_its_workers_and_nothing_else() {
    insta::assert_snapshot!(outcomes("cancelling"), @r"
    started: rejected, the run was started already
    job succeeded: complete job#2
    job failed: fail job#2 (x)
    job failed for good: fail job#2 (x)
    lease expired: fail job#2 (lease_expired)
    lease expired for good: fail job#2 (lease_expired)
    job refused: fail job#2 (limit_exceeded)
    old job succeeded: complete job#1
    fan-out completed: rejected, the run is being cancelled
    old fan-out completed: rejected, the run is being cancelled
    fan-out of a job completed: rejected, the run is being cancelled
    fan-out failed: rejected, the run is being cancelled
    fan-out refused: rejected, the run is being cancelled
    signal: rejected, the run is being cancelled
    other signal: rejected, the run is being cancelled
    timer of signal: rejected, the run is being cancelled
    timer of sleep: rejected, the run is being cancelled
    timer of question: rejected, the run is being cancelled
    timer of job: rejected, the run is being cancelled
    resumed: rejected, the run is being cancelled
    answered: rejected, the run is being cancelled
    signal answered: rejected, the run is being cancelled
    cancel, nothing held: nothing
    cancel: nothing
    retry: rejected, the run has not failed
    retry from the start: rejected, the run has not failed
    ");
}

#[test]
fn a_completed_run_only_ends_its_jobs() {
    insta::assert_snapshot!(outcomes("completed"), @r"
    started: rejected, the run was started already
    job succeeded: complete job#2
    job failed: fail job#2 (x)
    job failed for good: fail job#2 (x)
    lease expired: fail job#2 (lease_expired)
    lease expired for good: fail job#2 (lease_expired)
    job refused: fail job#2 (limit_exceeded)
    old job succeeded: complete job#1
    fan-out completed: rejected, the run has ended
    old fan-out completed: rejected, the run has ended
    fan-out of a job completed: rejected, the run has ended
    fan-out failed: rejected, the run has ended
    fan-out refused: rejected, the run has ended
    signal: rejected, the run has ended
    other signal: rejected, the run has ended
    timer of signal: rejected, the run has ended
    timer of sleep: rejected, the run has ended
    timer of question: rejected, the run has ended
    timer of job: rejected, the run has ended
    resumed: rejected, the run has ended
    answered: rejected, the run has ended
    signal answered: rejected, the run has ended
    cancel, nothing held: rejected, the run has ended
    cancel: rejected, the run has ended
    retry: rejected, the run has not failed
    retry from the start: rejected, the run has not failed
    ");
}

#[test]
fn a_failed_run_ends_its_jobs_and_can_be_retried() {
    insta::assert_snapshot!(outcomes("failed"), @r"
    started: rejected, the run was started already
    job succeeded: complete job#2
    job failed: fail job#2 (x)
    job failed for good: fail job#2 (x)
    lease expired: fail job#2 (lease_expired)
    lease expired for good: fail job#2 (lease_expired)
    job refused: fail job#2 (limit_exceeded)
    old job succeeded: complete job#1
    fan-out completed: rejected, the run has ended
    old fan-out completed: rejected, the run has ended
    fan-out of a job completed: rejected, the run has ended
    fan-out failed: rejected, the run has ended
    fan-out refused: rejected, the run has ended
    signal: rejected, the run has ended
    other signal: rejected, the run has ended
    timer of signal: rejected, the run has ended
    timer of sleep: rejected, the run has ended
    timer of question: rejected, the run has ended
    timer of job: rejected, the run has ended
    resumed: rejected, the run has ended
    answered: rejected, the run has ended
    signal answered: rejected, the run has ended
    cancel, nothing held: rejected, the run has ended
    cancel: rejected, the run has ended
    retry: restart fan-out items#3, start timer signal#4 at 3600s, start timer time#5 at 60s, ask question#7 (Sure?), start timer question#7 at 7200s, enqueue job#10 at work (attempts 2, timeout None)
    retry from the start: enqueue job#11 at work (attempts 2, timeout None), fan out items#12 at map (2 items, concurrency None, failures 0), start timer signal#13 at 3600s, start timer time#14 at 60s, ask question#16 (Sure?), start timer question#16 at 7200s
    ");
}
