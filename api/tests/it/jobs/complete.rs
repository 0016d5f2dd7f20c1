//! `POST /projects/{project}/jobs/{id}/complete`.

use base64::{Engine, prelude::BASE64_STANDARD};
use mobius_test_support::factories::{RunDraft, spec};
use serde_json::{Value, json};

use crate::harness::{Answer, Replica, TestServer, job_path};

fn report(change: &Value) -> Value {
    let mut report = json!({"worker_id": "w", "attempt": 1, "status": "completed"});
    let fields = report.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    report
}

async fn send(server: &Replica, job: &Value, change: &Value) -> Answer {
    server
        .owner
        .post(&job_path(job, "complete"), &report(change))
        .await
}

#[tokio::test]
async fn the_same_report_twice_is_taken_twice_and_counts_once() {
    let server = TestServer::start().await;
    for outcome in [
        json!({}),
        json!({"result_b64": BASE64_STANDARD.encode("1")}),
        json!({"status": "failed", "error_type": "e", "error_message": "m"}),
    ] {
        let run = server.owner.start().await;
        let job = server.owner.claim("w").await;
        let first = send(&server, &job, &outcome).await;
        first.with_status(204);
        assert!(first.text.is_empty());
        let ended = server.owner.run(&run).await;
        send(&server, &job, &outcome).await.with_status(204);
        assert_eq!(server.owner.run(&run).await, ended);
    }
}

#[tokio::test]
async fn the_first_of_two_different_reports_wins() {
    let server = TestServer::start().await;
    for (first, other) in [("completed", "failed"), ("failed", "completed")] {
        let run = server.owner.start().await;
        let job = server.owner.claim("w").await;
        let reported = send(&server, &job, &json!({"status": first})).await;
        reported.with_status(204);
        let ended = server.owner.run(&run).await;
        assert_eq!(ended["status"], first);
        let changed = send(&server, &job, &json!({"status": other})).await;
        changed.error(409, "lease_lost");
        assert_eq!(server.owner.run(&run).await, ended);
    }
}

/// The outcome is what a repeated report is told apart by; a result of a second try is not worth
/// an error, and neither is it worth anything else.
#[tokio::test]
async fn a_repeated_report_with_another_result_changes_nothing() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let result = |text: &str| json!({"result_b64": BASE64_STANDARD.encode(text)});
    send(&server, &job, &result("1")).await.with_status(204);
    let ended = server.owner.run(&run).await;
    send(&server, &job, &result("2")).await.with_status(204);
    assert_eq!(server.owner.run(&run).await, ended);
}

#[tokio::test]
async fn only_who_holds_the_attempt_can_end_it() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    for fence in [
        json!({"worker_id": "v"}),
        json!({"attempt": 0}),
        json!({"attempt": 2}),
        json!({"worker_id": "w "}),
    ] {
        send(&server, &job, &fence).await.error(409, "lease_lost");
    }
    let colleague = server.tenant.colleague().await;
    let key = server.tenant.new_key(|key| key.user = colleague).await;
    let theirs = server.anybody.with_key(&key);
    let answer = theirs
        .post(&job_path(&job, "complete"), &report(&json!({})))
        .await;
    answer.error(409, "lease_lost");
    assert_eq!(server.owner.run(&run).await["status"], "running");
    send(&server, &job, &json!({})).await.with_status(204);
}

#[tokio::test]
async fn a_job_that_nobody_claimed_can_not_be_ended() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let id = server.owner.run(&run).await["jobs"][0]["id"].clone();
    for attempt in [0, 1] {
        let answer = send(
            &server,
            &json!({"job_id": id}),
            &json!({"attempt": attempt}),
        )
        .await;
        answer.error(409, "lease_lost");
    }
    assert_eq!(server.owner.run(&run).await["status"], "queued");
}

#[tokio::test]
async fn an_attempt_that_was_followed_by_another_one_is_over() {
    let server = TestServer::start().await;
    let body = json!({"name": "w", "steps": [{
        "name": "s", "action": "echo", "retry": [{"max_retries": 1, "base_delay": "0s"}],
    }]});
    server.tenant.start(RunDraft::of(spec(body))).await;
    let first = server.owner.claim("w").await;
    let failed = json!({"status": "failed", "error_message": "once"});
    send(&server, &first, &failed).await.with_status(204);
    let second = server.owner.claim("w").await;
    assert_eq!(second["job_id"], first["job_id"]);
    assert_eq!(second["attempt"], 2);
    assert_eq!(second["idempotency_key"], first["idempotency_key"]);
    send(&server, &first, &failed).await.with_status(204);
    send(&server, &first, &json!({}))
        .await
        .error(409, "lease_lost");
    send(&server, &first, &json!({"attempt": 2}))
        .await
        .with_status(204);
}

#[tokio::test]
async fn a_result_that_is_not_base64_is_refused_and_the_job_stays_claimed() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    for text in ["not base64!", "YQ", "YQ==\n", "_-8="] {
        let answer = send(&server, &job, &json!({"result_b64": text})).await;
        let message = answer.error(400, "bad_request");
        assert!(
            message.starts_with("result_b64: ") && message.contains("base64"),
            "{message}"
        );
    }
    assert_eq!(server.owner.run(&run).await["status"], "running");
    send(&server, &job, &json!({})).await.with_status(204);
}

#[tokio::test]
async fn a_result_may_have_four_mib() {
    let server = TestServer::start().await;
    let most = 4 * 1024 * 1024;
    server.owner.start().await;
    let job = server.owner.claim("w").await;
    let result = |size| json!({"result_b64": BASE64_STANDARD.encode("x".repeat(size))});
    let answer = send(&server, &job, &result(most + 1)).await;
    let message = answer.error(413, "too_large");
    assert!(
        message.starts_with("result_b64: ") && message.contains("4194304"),
        "{message}"
    );
    send(&server, &job, &result(most)).await.with_status(204);
}

#[tokio::test]
async fn results_that_are_no_json_are_kept_as_they_are() {
    let server = TestServer::start().await;
    for (bytes, expected) in [
        (b"{\"a\":1}".as_slice(), json!({"a": 1})),
        (b"plain text", json!("plain text")),
        (b"", json!("")),
        (b"\xff\xfe", json!({"b64": "//4="})),
        (b"1e400", json!("1e400")),
        (b"a\0b", json!({"b64": "YQBi"})),
        (b"\"\\u0000\"", json!({"b64": "Ilx1MDAwMCI="})),
    ] {
        let run = server.owner.start().await;
        let job = server.owner.claim("w").await;
        let result = json!({"result_b64": BASE64_STANDARD.encode(bytes)});
        send(&server, &job, &result).await.with_status(204);
        let run = server.owner.run(&run).await;
        assert_eq!(run["status"], "completed", "{run}");
        let shown = BASE64_STANDARD.decode(run["result_b64"].as_str().unwrap());
        let shown: Value = serde_json::from_slice(&shown.unwrap()).unwrap();
        assert_eq!(shown["answer"], expected);
    }
}

#[tokio::test]
async fn a_long_error_message_is_cut_between_characters() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let job = server.owner.claim("w").await;
    let message = format!("x{}", "é".repeat(10_000));
    let failed = json!({"status": "failed", "error_message": message});
    send(&server, &job, &failed).await.with_status(204);
    let run = server.owner.run(&run).await;
    let kept = run["jobs"][0]["last_error"].as_str().unwrap();
    assert_eq!(kept.len(), 16 * 1024 - 1);
    assert!(message.starts_with(kept));
}
