//! `POST /projects/{project}/tools/{handle}/runs`.

use std::time::{Duration, Instant};

use mobius_api::Limits;
use mobius_test_support::factories::{one_step, spec};
use serde_json::{Value, json};

use crate::harness::{Answer, TestServer};

const PATH: &str = "/projects/default/tools/tool/runs";

async fn with_tool() -> TestServer {
    let server = TestServer::start().await;
    server.tenant.publish("tool", one_step()).await;
    server
}

/// Calls the tool, while a worker reports its job.
async fn call_and_report(server: &TestServer, report: &Value) -> Answer {
    let body = json!({"input": {"a": 1}, "timeout_seconds": 60});
    let work = async {
        let job = server.owner.poll("w", 30).await.with_status(200);
        let id = job["job_id"].as_str().unwrap();
        let path = format!("/projects/default/jobs/{id}/complete");
        server.owner.post(&path, report).await.with_status(204);
    };
    let (answer, ()) = tokio::join!(server.owner.post(PATH, &body), work);
    answer
}

#[tokio::test]
async fn a_run_that_completes_in_time_gives_its_output() {
    let server = with_tool().await;
    let report = json!({
        "worker_id": "w", "attempt": 1, "status": "completed", "result_b64": "NDI=",
    });
    let run = call_and_report(&server, &report).await.with_status(200);
    let id = run["run_id"].as_str().unwrap();
    let expected = json!({"run_id": id, "status": "completed", "output": {"answer": 42}});
    assert_eq!(run, expected);
    let path = format!("/projects/default/runs/{id}");
    let stored = server.owner.get(&path).await.with_status(200);
    assert_eq!(stored["inputs"], json!({"a": 1}));
    assert_eq!(stored["ephemeral"], false);
    assert_eq!(stored["initiated_by"], "test");
}

#[tokio::test]
async fn a_run_that_fails_in_time_says_why() {
    let server = with_tool().await;
    let report = json!({
        "worker_id": "w", "attempt": 1, "status": "failed", "error_message": "it broke",
    });
    let run = call_and_report(&server, &report).await.with_status(200);
    assert_eq!(run["status"], "failed");
    assert!(run["error"].as_str().unwrap().contains("it broke"), "{run}");
    assert!(run.get("output").is_none());
}

#[tokio::test]
async fn a_run_that_goes_on_is_pending_when_the_time_is_over() {
    let server = with_tool().await;
    let begun = Instant::now();
    let answer = server
        .owner
        .post(PATH, &json!({"timeout_seconds": 1}))
        .await;
    let run = answer.with_status(202);
    let waited = begun.elapsed();
    assert!((1..10).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(run, json!({"run_id": run["run_id"], "status": "pending"}));
    let path = format!("{PATH}/{}", run["run_id"].as_str().unwrap());
    assert_eq!(server.owner.get(&path).await.with_status(200), run);
}

#[tokio::test]
async fn a_run_that_needs_no_worker_is_answered_at_once() {
    let server = TestServer::start().await;
    let broken = spec(json!({
        "name": "broken",
        "steps": [{"name": "a", "action": "echo", "parameters": {"x": "${state.missing}"}}],
    }));
    server.tenant.publish("tool", broken).await;
    let begun = Instant::now();
    let run = server.owner.post(PATH, &json!({})).await.with_status(200);
    assert_eq!(run["status"], "failed");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// Whoever called must learn the run's id, although the server goes.
#[tokio::test]
async fn a_server_that_stops_answers_whoever_waits() {
    let server = with_tool().await;
    let replica = server.another_replica().await;
    let owner = replica.owner.clone();
    let body = json!({"timeout_seconds": 120});
    let call = tokio::spawn(async move { owner.post(PATH, &body).await });
    while server.tenant.claim("w", 1).await.is_empty() {}
    replica.begin_stop();
    assert_eq!(call.await.unwrap().with_status(202)["status"], "pending");
}

#[tokio::test]
async fn what_is_no_tool_can_not_be_called() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("hidden", one_step()).await.id;
    for handle in ["hidden", "nothing", &id.to_string(), "%00"] {
        let path = format!("/projects/default/tools/{handle}/runs");
        let message = server
            .owner
            .post(&path, &json!({}))
            .await
            .error(404, "not_found");
        assert_eq!(message, "tool not found", "{handle}");
    }
}

#[tokio::test]
async fn inputs_and_times_are_checked_before_anything_starts() {
    let server = TestServer::start().await;
    let strict = spec(json!({
        "name": "strict", "inputs": [{"name": "city", "type": "string"}],
        "steps": [{"name": "a", "action": "echo"}],
    }));
    server.tenant.publish("tool", strict).await;
    for (body, code, says) in [
        (json!({}), "invalid", "city"),
        (json!({"input": {"city": 1}}), "invalid", "city"),
        (json!({"input": []}), "bad_request", "input: "),
        (
            json!({"timeout_seconds": 0}),
            "bad_request",
            "timeout_seconds: ",
        ),
        (
            json!({"timeout_seconds": 121}),
            "bad_request",
            "timeout_seconds: ",
        ),
        (
            json!({"timeout_seconds": "1"}),
            "bad_request",
            "timeout_seconds: ",
        ),
    ] {
        let message = server.owner.post(PATH, &body).await.error(400, code);
        assert!(message.contains(says), "{body}: {message}");
    }
    let large = json!({"input": {"city": "x".repeat(1024 * 1024)}});
    let answer = server.owner.post(PATH, &large).await;
    assert!(answer.error(413, "too_large").starts_with("input: "));
    let list = server
        .owner
        .get("/projects/default/runs")
        .await
        .with_status(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_a_run_that_goes_on() {
    let server = with_tool().await;
    let owner = server.owner.clone();
    let call = tokio::spawn(async move { owner.post(PATH, &json!({})).await });
    let job = server.owner.poll("w", 30).await.with_status(200);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    server.owner.complete(&job, "w").await.with_status(204);
    let run = json!({"id": job["run_id"]});
    assert_eq!(server.owner.run(&run).await["status"], "completed");
}

#[tokio::test]
async fn a_key_has_so_many_calls_that_wait_and_gets_back_those_that_were_answered() {
    let server = TestServer::start_with(Limits {
        streams_per_key: 1,
        ..Limits::default()
    })
    .await;
    server.tenant.publish("tool", one_step()).await;
    let owner = server.owner.clone();
    let call = tokio::spawn(async move { owner.post(PATH, &json!({})).await });
    let job = server.owner.poll("w", 30).await.with_status(200);
    let refused = server.owner.post(PATH, &json!({})).await;
    refused.error(429, "too_many_streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    let stream = server.owner.get("/projects/default/runs/events").await;
    stream.error(429, "too_many_streams");
    // The call that was refused has started nothing.
    server.owner.poll("w", 0).await.with_status(204);
    server.owner.complete(&job, "w").await.with_status(204);
    call.await.unwrap().with_status(200);
    let last = json!({"timeout_seconds": 1});
    server.owner.post(PATH, &last).await.with_status(202);
}
