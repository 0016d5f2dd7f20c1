//! `GET /projects/{project}/tools/{handle}/runs/{runId}`.

use mobius_test_support::factories::{RunDraft, one_step};
use serde_json::json;

use crate::harness::TestServer;

fn path(tool: &str, run: &str) -> String {
    format!("/projects/default/tools/{tool}/runs/{run}")
}

#[tokio::test]
async fn a_run_is_shown_from_its_start_to_its_end() {
    let server = TestServer::start().await;
    let id = server.tenant.publish("tool", one_step()).await.id;
    let run = server
        .tenant
        .start(RunDraft::of_workflow(id))
        .await
        .id
        .to_string();
    let status = async || {
        let answer = server.owner.get(&path("tool", &run)).await;
        answer.with_status(200)["status"].clone()
    };
    assert_eq!(status().await, "pending");
    let job = server.owner.claim("w").await;
    assert_eq!(status().await, "running");
    server.owner.complete(&job, "w").await.with_status(204);
    assert_eq!(status().await, "completed");
}

#[tokio::test]
async fn a_run_of_something_else_is_not_found() {
    let server = TestServer::start().await;
    server.tenant.publish("tool", one_step()).await;
    let other = server.tenant.publish("other", one_step()).await.id;
    let of_other = server.tenant.start(RunDraft::of_workflow(other)).await.id;
    let inline = server.tenant.start(RunDraft::default()).await.id;
    for run in [of_other, inline] {
        let answer = server.owner.get(&path("tool", &run.to_string())).await;
        assert_eq!(answer.error(404, "not_found"), "run not found");
    }
    let answer = server
        .owner
        .get(&path("nothing", &inline.to_string()))
        .await;
    assert_eq!(answer.error(404, "not_found"), "tool not found");
}

#[tokio::test]
async fn a_tool_that_is_not_published_any_more_still_shows_its_runs() {
    let server = TestServer::start().await;
    let tool = server.tenant.publish("tool", one_step()).await.id;
    let call = "/projects/default/tools/tool/runs";
    let body = json!({"timeout_seconds": 1});
    let accepted = server.owner.post(call, &body).await.with_status(202);
    let workflow = format!("/projects/default/workflows/{tool}");
    let hide = json!({"published_as_tool": false});
    server.owner.patch(&workflow, &hide).await.with_status(200);
    let run = accepted["run_id"].as_str().unwrap();
    let shown = server.owner.get(&path("tool", run)).await.with_status(200);
    assert_eq!(shown, accepted);
    let refused = server.owner.post(call, &body).await;
    assert_eq!(refused.error(404, "not_found"), "tool not found");
}
