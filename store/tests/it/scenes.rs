//! Workflows that wait, and runs that stand where a test needs them.

use mobius_store::jobs::Settlement;
use mobius_test_support::factories::{Held, RunDraft, Tenant, spec};
use mobius_types::{RunId, WorkflowSpec};
use serde_json::{Value, json};

/// A workflow of these steps.
pub(crate) fn workflow(steps: Value) -> RunDraft {
    RunDraft::of(spec(json!({"name": "w", "steps": steps})))
}

/// Waits an hour for the signal `go`, then hands what came to the action `use`; without a signal
/// goes on with the action `late`.
pub(crate) fn wait_for_go() -> RunDraft {
    workflow(json!([
        {"name": "wait", "wait_signal":
            {"topic": "go", "timeout": "1h", "store": "got", "on_timeout": "late"},
         "next": [{"step": "use"}]},
        {"name": "use", "action": "use", "parameters": {"got": "${state.got.value}"}},
        {"name": "late", "action": "late"},
    ]))
}

/// An action, then a wait of an hour for the signal `go`, then an action that gets what came.
pub(crate) fn work_then_wait() -> RunDraft {
    workflow(json!([
        {"name": "work", "action": "work", "next": [{"step": "wait"}]},
        {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h", "store": "got"},
         "next": [{"step": "use"}]},
        {"name": "use", "action": "use", "parameters": {"got": "${state.got.value}"}},
    ]))
}

/// An action that starts two branches, each of which waits for the signal `go` and gives it out.
pub(crate) fn two_waits() -> WorkflowSpec {
    let wait = json!({"topic": "go", "timeout": "1h", "store": "got"});
    spec(json!({
        "name": "w",
        "steps": [
            {"name": "begin", "action": "begin", "next": [
                {"step": "left", "branch": "left"}, {"step": "right", "branch": "right"}]},
            {"name": "left", "wait_signal": wait},
            {"name": "right", "wait_signal": wait},
        ],
        "outputs": [
            {"name": "left", "branch": "left", "variable": "got"},
            {"name": "right", "branch": "right", "variable": "got"},
        ],
    }))
}

/// An action that starts two branches with an action each, and a third that joins them and then
/// runs the action `after`.
pub(crate) fn joined() -> RunDraft {
    workflow(json!([
        {"name": "begin", "action": "begin", "next": [
            {"step": "left", "branch": "left"},
            {"step": "right", "branch": "right"},
            {"step": "join", "branch": "joining"}]},
        {"name": "left", "action": "side"},
        {"name": "right", "action": "side"},
        {"name": "join", "join": {"branches": ["left", "right"]}, "next": [{"step": "after"}]},
        {"name": "after", "action": "after"},
    ]))
}

/// One action, which is tried again at once when it fails.
pub(crate) fn retried_at_once() -> RunDraft {
    workflow(json!([{"name": "only", "action": "echo",
                     "retry": [{"max_retries": 3, "base_delay": "0s"}]}]))
}

/// Claims the one job that there is and reports that it succeeded.
pub(crate) async fn complete_next(tenant: &Tenant) -> Held {
    let held = tenant.claim_one("w").await;
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    held
}

/// The names of the steps of the run's jobs, in order.
pub(crate) async fn steps(tenant: &Tenant, run: RunId) -> Vec<String> {
    let jobs = tenant.run(run).await.jobs;
    jobs.into_iter().map(|job| job.step_name).collect()
}

/// Reports that the jobs succeeded, each with the run of its job.
pub(crate) fn completing(held: &[Held]) -> impl Iterator<Item = (Settlement, RunId)> {
    held.iter()
        .map(|held| (held.completed(&json!(1)), held.job.run))
}
