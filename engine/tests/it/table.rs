//! The whole table of what follows from which event in which state of a run.

use mobius_engine::{Event, JobRef, RetryProgress};
use serde_json::json;

use crate::simulation::{Simulation, failure, show};

fn run_in(phase: &str) -> Simulation {
    let mut run = Simulation::new(json!({"name": "w", "steps": [
        {"name": "a", "action": "a", "retry": [{"max_retries": 1}], "next": [{"step": "b"}]},
        {"name": "b", "action": "a"},
    ]}));
    if phase != "new" {
        run.apply(Event::Started);
    }
    if phase == "completed" {
        run.succeed("a", json!(1));
        run.succeed("b", json!(1));
    }
    if phase == "failed" {
        run.fail("a", "fatal_error");
    }
    run
}

/// One line for each event.
fn outcomes(phase: &str) -> String {
    let job = |visit| JobRef {
        branch: "main".to_owned(),
        visit,
    };
    let spent = RetryProgress {
        policy: Some(0),
        retries: 1,
    };
    let events = [
        ("started", Event::Started),
        (
            "succeeded",
            Event::JobSucceeded {
                job: job(1),
                result: json!(1),
            },
        ),
        ("failed", failure(job(1), "x", RetryProgress::default(), 1)),
        ("failed again", failure(job(1), "x", spent, 2)),
        (
            "lost",
            Event::LeaseExpired {
                job: job(1),
                rescues: 0,
            },
        ),
        (
            "lost again",
            Event::LeaseExpired {
                job: job(1),
                rescues: 5,
            },
        ),
        (
            "stale",
            Event::JobSucceeded {
                job: job(9),
                result: json!(1),
            },
        ),
    ];
    let outcome = |(name, event)| match run_in(phase).decide(event) {
        Ok(transition) => {
            let actions: Vec<_> = transition.actions.iter().map(show).collect();
            format!("{name}: {}", actions.join(", "))
        }
        Err(rejected) => format!("{name}: rejected, {rejected}"),
    };
    events.map(outcome).join("\n")
}

#[test]
fn only_a_start_applies_to_a_new_run() {
    insta::assert_snapshot!(outcomes("new"), @r"
    started: enqueue main#1 at a (attempts 2, timeout None)
    succeeded: rejected, the run was not started yet
    failed: rejected, the run was not started yet
    failed again: rejected, the run was not started yet
    lost: rejected, the run was not started yet
    lost again: rejected, the run was not started yet
    stale: rejected, the run was not started yet
    ");
}

#[test]
fn every_event_of_a_current_job_applies_to_a_live_run() {
    insta::assert_snapshot!(outcomes("live"), @r"
    started: rejected, the run was started already
    succeeded: complete main#1, enqueue main#2 at b (attempts 1, timeout None)
    failed: retry main#1 after 1s (policy Some(0), retries 1, attempts 2, timeout None, x)
    failed again: fail main#1 (x), stop jobs, fail run: step `a` failed with x: boom
    lost: rescue main#1
    lost again: fail main#1 (lease_expired), stop jobs, fail run: step `a` failed with lease_expired: no worker finished the job or was heard of in time, 6 times over
    stale: rejected, step execution 9 of branch `main` is not its current one
    ");
}

#[test]
fn a_completed_run_only_ends_its_jobs() {
    insta::assert_snapshot!(outcomes("completed"), @r"
    started: rejected, the run was started already
    succeeded: complete main#1
    failed: fail main#1 (x)
    failed again: fail main#1 (x)
    lost: fail main#1 (lease_expired)
    lost again: fail main#1 (lease_expired)
    stale: complete main#9
    ");
}

#[test]
fn a_failed_run_only_ends_its_jobs() {
    insta::assert_snapshot!(outcomes("failed"), @r"
    started: rejected, the run was started already
    succeeded: complete main#1
    failed: fail main#1 (x)
    failed again: fail main#1 (x)
    lost: fail main#1 (lease_expired)
    lost again: fail main#1 (lease_expired)
    stale: complete main#9
    ");
}
