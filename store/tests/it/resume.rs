//! Pauses, and what ends them.

use mobius_store::Error;
use mobius_test_support::factories::{RunDraft, World};
use mobius_types::{RunId, WorkflowRunStatus};
use serde_json::json;

use crate::{
    invariants,
    scenes::{complete_next, steps, wait_for_go, workflow},
};

#[tokio::test]
async fn a_paused_run_goes_on_when_it_is_resumed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(workflow(json!([
            {"name": "stop", "pause": {"reason": "look"}, "next": [{"step": "act"}]},
            {"name": "act", "action": "act"}])))
        .await;
    assert_eq!(run.status, WorkflowRunStatus::Suspended);
    invariants::assert_hold(tenant).await;
    tenant.resume(run.id).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Queued);
    complete_next(tenant).await;
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn every_pause_of_the_run_ends() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant
        .start(workflow(json!([
            {"name": "begin", "action": "begin", "next": [
                {"step": "one", "branch": "one"}, {"step": "two", "branch": "two"}]},
            {"name": "one", "pause": {}, "next": [{"step": "act"}]},
            {"name": "two", "pause": {}, "next": [{"step": "act"}]},
            {"name": "act", "action": "act"}])))
        .await;
    complete_next(tenant).await;
    tenant.resume(run.id).await.unwrap();
    assert_eq!(steps(tenant, run.id).await, ["begin", "act", "act"]);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_run_that_is_not_paused_can_not_be_resumed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let waiting = tenant.start(wait_for_go()).await;
    let queued = tenant.start(RunDraft::default()).await;
    for run in [waiting.id, queued.id] {
        let refused = tenant.resume(run).await;
        assert!(
            matches!(
                refused,
                Err(Error::Conflict {
                    code: "not_paused",
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    complete_next(tenant).await;
    let ended = tenant.resume(queued.id).await;
    assert!(matches!(ended, Err(Error::RunEnded)), "{ended:?}");
    let unknown = tenant.resume(RunId::generate()).await;
    assert!(matches!(unknown, Err(Error::NotFound("run"))));
}
