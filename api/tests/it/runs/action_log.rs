//! `GET /projects/{project}/runs/{id}/action-log`.

use base64::{Engine, prelude::BASE64_STANDARD};
use mobius_test_support::factories::{RunDraft, spec};
use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, job_path};

/// A run whose one step fails and then succeeds.
async fn tried_twice(server: &Replica) -> String {
    let spec = spec(json!({
        "name": "stubborn",
        "steps": [{
            "name": "only", "action": "echo", "parameters": {"a": 1},
            "retry": [{"error_equals": ["all"], "max_retries": 3, "base_delay": "1ms"}],
        }],
    }));
    let run = server.tenant.start(RunDraft::of(spec)).await;
    let job = server.owner.claim("w").await;
    let report = json!({
        "worker_id": "w", "attempt": 1, "status": "failed",
        "error_type": "teapot", "error_message": "short and stout",
    });
    let path = job_path(&job, "complete");
    let told = server.owner.post(&path, &report).await;
    told.with_status(204);
    let job = server.owner.poll("w", 10).await.with_status(200);
    let report = json!({
        "worker_id": "w", "attempt": 2, "status": "completed",
        "result_b64": BASE64_STANDARD.encode("seven"),
    });
    let path = job_path(&job, "complete");
    let told = server.owner.post(&path, &report).await;
    told.with_status(204);
    format!("/projects/default/runs/{}/action-log", run.id)
}

#[tokio::test]
async fn the_log_shows_what_each_attempt_did() {
    let server = TestServer::start().await;
    let path = tried_twice(&server).await;
    let log = server.owner.get(&path).await.with_status(200);
    assert_eq!(log["has_more"], false);
    assert!(log.get("next_cursor").is_none());
    let items = log["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    for (item, attempt) in items.iter().zip(1..) {
        assert_eq!(
            (&item["action"], &item["step_name"]),
            (&json!("echo"), &json!("only"))
        );
        assert_eq!(
            (&item["branch_id"], &item["parameters"]),
            (&json!("main"), &json!({"a": 1}))
        );
        assert_eq!(
            (&item["attempt"], &item["worker_id"]),
            (&json!(attempt), &json!("w"))
        );
        assert!(
            item["started_at"].is_string() && item["duration_ms"].is_u64(),
            "{item}"
        );
    }
    assert_eq!(items[0]["error"], "short and stout");
    assert_eq!(items[0]["error_type"], "teapot");
    assert!(items[0].get("result").is_none());
    assert_eq!(items[1]["result"], json!({"value": "seven"}));
    assert!(items[1].get("error").is_none());
    assert_ne!(items[0]["id"], items[1]["id"]);
    // A second look shows the same.
    assert_eq!(server.owner.get(&path).await.with_status(200), log);
}

#[tokio::test]
async fn the_log_is_walked_in_pages() {
    let server = TestServer::start().await;
    let path = tried_twice(&server).await;
    let whole = server.owner.get(&path).await.with_status(200);
    let first = server
        .owner
        .get(&format!("{path}?limit=1"))
        .await
        .with_status(200);
    assert_eq!(
        (&first["items"][0], &first["has_more"]),
        (&whole["items"][0], &json!(true))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server
        .owner
        .get(&format!("{path}?limit=1&cursor={cursor}"))
        .await
        .with_status(200);
    assert_eq!(
        (&second["items"][0], &second["has_more"]),
        (&whole["items"][1], &json!(false))
    );
}

#[tokio::test]
async fn a_run_that_did_nothing_has_an_empty_log() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let path = format!(
        "/projects/default/runs/{}/action-log",
        run["id"].as_str().unwrap()
    );
    let log = server.owner.get(&path).await.with_status(200);
    assert_eq!(
        log,
        json!({"items": Value::Array(Vec::new()), "has_more": false})
    );
}

#[tokio::test]
async fn pages_of_what_a_run_holds_have_bounds() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let run = format!("/projects/default/runs/{}", run["id"].as_str().unwrap());
    for list in ["jobs", "action-log"] {
        for limit in ["0", "1001", "-1", "x"] {
            let answer = server
                .owner
                .get(&format!("{run}/{list}?limit={limit}"))
                .await;
            answer.error(400, "bad_request");
        }
        for limit in [1, 1_000] {
            let answer = server
                .owner
                .get(&format!("{run}/{list}?limit={limit}"))
                .await;
            answer.with_status(200);
        }
        let answer = server.owner.get(&format!("{run}/{list}?cursor=x")).await;
        answer.error(400, "invalid_cursor");
    }
}
