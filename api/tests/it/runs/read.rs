//! `GET /projects/{project}/runs/{id}`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::harness::{TestServer, job_path};

#[tokio::test]
async fn a_run_is_read_from_queued_to_completed() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let queued = server.owner.run(&run).await;
    assert_eq!(queued["status"], "queued");
    assert!(queued.get("result_b64").is_none());
    let job = server.owner.claim("w").await;
    let running = server.owner.run(&run).await;
    assert_eq!(running["status"], "running");
    assert!(running["started_at"].is_string());
    assert_eq!(running["jobs"][0]["claimed_by"], "w");
    let report = json!({
        "worker_id": "w", "attempt": 1, "status": "completed",
        "result_b64": BASE64_STANDARD.encode(r#"{"said":"hi"}"#),
    });
    let done = server
        .owner
        .post(&job_path(&job, "complete"), &report)
        .await;
    done.with_status(204);
    let completed = server.owner.run(&run).await;
    assert_eq!(completed["status"], "completed");
    assert!(completed["completed_at"].is_string());
    let result = BASE64_STANDARD.decode(completed["result_b64"].as_str().unwrap());
    let result: Value = serde_json::from_slice(&result.unwrap()).unwrap();
    assert_eq!(result, json!({"answer": {"said": "hi"}}));
}

#[tokio::test]
async fn a_failed_run_says_why() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let report = json!({
        "worker_id": "w", "attempt": 1, "status": "failed",
        "error_type": "teapot", "error_message": "short and stout",
    });
    let failed = server
        .owner
        .post(&job_path(&job, "complete"), &report)
        .await;
    failed.with_status(204);
    let run = server.owner.run(&run).await;
    assert_eq!(run["status"], "failed");
    assert!(
        run["error_message"]
            .as_str()
            .unwrap()
            .contains("short and stout")
    );
    assert_eq!(run["jobs"][0]["last_error"], "short and stout");
}
