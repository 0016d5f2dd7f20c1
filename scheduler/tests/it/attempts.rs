//! Attempts that take too long: ended, although their worker is alive.

use std::time::Duration;

use mobius_scheduler::tick_all;
use mobius_test_support::factories::{RunDraft, World, spec};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

#[tokio::test]
async fn an_attempt_past_its_deadline_ends_with_a_timeout() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "only", "action": "echo",
                   "retry": [{"max_retries": 0, "timeout": "1h"}]}],
    })));
    let run = tenant.start(draft).await;
    let held = tenant.claim_one("w").await;

    tenant.advance_clock(Duration::from_secs(59 * 60)).await;
    tenant.heartbeat(&held).await.unwrap();
    assert_eq!(tick_all(&tenant.store).await.unwrap().done, 0);

    tenant.advance_clock(Duration::from_secs(60)).await;
    tenant.heartbeat(&held).await.unwrap();
    assert_eq!(tick_all(&tenant.store).await.unwrap().done, 1);
    let ended = tenant.run(run.id).await.run;
    assert_eq!(ended.status, WorkflowRunStatus::Failed);
    let message = ended.error_message.unwrap();
    assert!(message.contains("timeout"), "{message}");
    assert!(tenant.settle(held.completed(&json!(1))).await.is_err());
}
