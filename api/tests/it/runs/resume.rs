//! `POST /projects/{project}/runs/{id}/resumptions`.

use serde_json::{Value, json};

use crate::harness::TestServer;

fn pausing() -> Value {
    json!({"name": "pausing", "steps": [
        {"name": "hold", "pause": {"reason": "look at it"}, "next": [{"step": "go"}]},
        {"name": "go", "action": "echo"},
    ]})
}

#[tokio::test]
async fn a_paused_run_goes_on_once() {
    let server = TestServer::start().await;
    let run = server.owner.start_of(&pausing()).await;
    assert_eq!(run["status"], "suspended");
    assert!(server.owner.claim("w").await.is_null());
    server.owner.act(&run, "resumptions").await.with_status(204);
    assert_eq!(server.owner.run(&run).await["status"], "queued");
    let again = server.owner.act(&run, "resumptions").await;
    again.error(409, "not_paused");
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    assert_eq!(server.owner.run(&run).await["status"], "completed");
    server
        .owner
        .act(&run, "resumptions")
        .await
        .error(409, "run_ended");
}

#[tokio::test]
async fn a_run_that_waits_for_something_else_is_not_resumed() {
    let server = TestServer::start().await;
    let waiting = json!({"name": "w", "steps": [
        {"name": "a", "wait_signal": {"topic": "go", "timeout": "1h"}},
    ]});
    let run = server.owner.start_of(&waiting).await;
    server
        .owner
        .act(&run, "resumptions")
        .await
        .error(409, "not_paused");
    assert_eq!(server.owner.run(&run).await["status"], "suspended");
}
