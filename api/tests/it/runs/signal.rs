//! `POST /projects/{project}/runs/{id}/signals`.

use serde_json::{Value, json};

use crate::harness::{TestServer, run_path};

/// Waits twice for `go`, and gives both payloads to a job.
fn waiting() -> Value {
    json!({"name": "waiting", "steps": [
        {"name": "one", "wait_signal": {"topic": "go", "timeout": "1h", "store": "one"},
         "next": [{"step": "two"}]},
        {"name": "two", "wait_signal": {"topic": "go", "timeout": "1h", "store": "two"},
         "next": [{"step": "tell"}]},
        {"name": "tell", "action": "echo",
         "parameters": {"one": "${state.one}", "two": "${state.two}"}},
    ]})
}

#[tokio::test]
async fn signals_are_consumed_in_the_order_in_which_they_came() {
    let server = TestServer::start().await;
    let run = server.owner.start_of(&waiting()).await;
    assert_eq!(run["status"], "suspended");
    for n in [1, 2] {
        let signal = json!({"name": "go", "payload": {"n": n}});
        let answer = server.owner.post(&run_path(&run, "signals"), &signal).await;
        let stored = answer.with_status(202);
        assert_eq!(stored["run_id"], run["id"]);
        assert_eq!(stored["name"], "go");
        assert!(stored["id"].as_str().unwrap().starts_with("sig_"));
    }
    assert_eq!(server.owner.run(&run).await["status"], "queued");
    let job = server.owner.claim("w").await;
    assert_eq!(job["parameters"], json!({"one": {"n": 1}, "two": {"n": 2}}));
}

#[tokio::test]
async fn a_signal_of_another_name_changes_nothing() {
    let server = TestServer::start().await;
    let run = server.owner.start_of(&waiting()).await;
    server.owner.signal(&run, "Go").await.with_status(202);
    assert_eq!(server.owner.run(&run).await["status"], "suspended");
}

/// What can be waited for can be sent, up to the last byte.
#[tokio::test]
async fn the_longest_topic_is_the_longest_name() {
    let server = TestServer::start().await;
    for name in ["x".repeat(255), format!("{}x", "é".repeat(127))] {
        let spec = json!({"name": "waiting", "steps": [
            {"name": "one", "wait_signal": {"topic": name, "timeout": "1h"}},
        ]});
        let run = server.owner.start_of(&spec).await;
        assert_eq!(run["status"], "suspended");
        server.owner.signal(&run, &name).await.with_status(202);
        assert_eq!(server.owner.run(&run).await["status"], "completed");
    }
}

#[tokio::test]
async fn a_run_that_has_ended_takes_no_signal() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    server
        .owner
        .act(&run, "cancellations")
        .await
        .with_status(204);
    server
        .owner
        .signal(&run, "go")
        .await
        .error(409, "run_ended");
}

#[tokio::test]
async fn names_and_payloads_have_bounds() {
    let server = TestServer::start().await;
    let run = server.owner.start_of(&waiting()).await;
    let path = run_path(&run, "signals");
    let long = "é".repeat(128);
    for (signal, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name: "),
        (json!({"name": " "}), "name: "),
        (json!({"name": long}), "name: "),
        (json!({"name": 1}), "name: "),
        (json!({"name": "go", "payload": []}), "payload: "),
        (json!({"name": "go", "payload": "text"}), "payload: "),
        (json!({"name": "go", "payload": {"a": "\0"}}), "payload.a: "),
    ] {
        let message = server
            .owner
            .post(&path, &signal)
            .await
            .error(400, "bad_request");
        assert!(message.contains(field), "{signal}: {message}");
    }
    let frame = json!({"a": ""}).to_string().len();
    let fits = "x".repeat(256 * 1024 - frame);
    let payload = |text: &str| json!({"name": "other", "payload": {"a": text}});
    let too_large = server
        .owner
        .post(&path, &payload(&format!("{fits}x")))
        .await;
    let message = too_large.error(413, "too_large");
    assert!(message.starts_with("payload: "), "{message}");
    server
        .owner
        .post(&path, &payload(&fits))
        .await
        .with_status(202);
    let name = json!({"name": "é".repeat(127), "payload": null});
    server.owner.post(&path, &name).await.with_status(202);
}

#[tokio::test]
async fn a_payload_is_nested_no_deeper_than_a_run_can_be_read_again() {
    let server = TestServer::start().await;
    let run = server.owner.start_of(&waiting()).await;
    let path = run_path(&run, "signals");
    let payload = |levels: usize| {
        let inner = (1..levels).fold(json!(1), |inner, _| json!([inner]));
        json!({"name": "go", "payload": {"a": inner}})
    };
    let answer = server.owner.post(&path, &payload(101)).await;
    let message = answer.error(400, "bad_request");
    assert_eq!(
        message,
        "payload: must not be nested deeper than 100 levels"
    );
    let deepest = payload(100);
    for _ in 0..2 {
        let answer = server.owner.post(&path, &deepest).await;
        answer.with_status(202);
    }
    let job = server.owner.claim("w").await;
    assert!(job.is_null(), "the parameters are a level deeper: {job}");
    assert_eq!(server.owner.run(&run).await["status"], "failed");
}
