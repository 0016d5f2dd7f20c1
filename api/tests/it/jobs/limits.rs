//! Limits and priorities over HTTP: what may be asked for, and when parked claims get their jobs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, echo_spec};

/// A start of one job that is limited so.
fn start(options: Value) -> Value {
    let mut start = json!({"spec": echo_spec()});
    if let (Some(start), Value::Object(options)) = (start.as_object_mut(), options) {
        start.extend(options);
    }
    start
}

async fn begin(server: &Replica, options: Value) -> Value {
    let runs = "/projects/default/runs";
    server
        .owner
        .post(runs, &start(options))
        .await
        .with_status(202)
}

#[tokio::test]
async fn each_value_that_is_out_of_bounds_is_named() {
    let server = TestServer::start().await;
    let wrong = json!({"priority": 101, "concurrency_key": "", "max_concurrency": 0,
                       "rate_limit": {"limit": 0, "per_seconds": 86_401}});
    let places = [
        "priority",
        "concurrency_key",
        "max_concurrency",
        "rate_limit.limit",
        "rate_limit.per_seconds",
    ];
    let answer = server
        .owner
        .post("/projects/default/runs", &start(wrong.clone()))
        .await;
    let message = answer.error(400, "invalid");
    for place in places {
        assert!(message.contains(&format!("{place}: ")), "{message}");
    }
    let mut spec = json!(echo_spec());
    if let (Some(spec), Value::Object(wrong)) = (spec.as_object_mut(), wrong) {
        spec.extend(wrong);
    }
    let saved = json!({"name": "w", "spec": spec});
    let answer = server
        .owner
        .post("/projects/default/workflows", &saved)
        .await;
    let message = answer.error(400, "invalid");
    for place in places {
        assert!(message.contains(&format!("spec.{place}: ")), "{message}");
    }
    let long = start(json!({"concurrency_key": "é".repeat(256)}));
    let answer = server.owner.post("/projects/default/runs", &long).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let longest = json!({"concurrency_key": "é".repeat(255), "priority": -100});
    let run = begin(&server, longest).await;
    assert_eq!(run["priority"], -100);
}

#[tokio::test]
async fn a_key_that_no_run_can_have_refuses_the_start() {
    let server = TestServer::start().await;
    let mut spec = json!(echo_spec());
    spec["concurrency_key"] = json!("${run.external_id}");
    let start = json!({"spec": spec});
    let answer = server.owner.post("/projects/default/runs", &start).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn the_end_of_a_job_gives_its_room_to_a_parked_claim_at_once() {
    let server = TestServer::start().await;
    let limited = json!({"concurrency_key": "*", "max_concurrency": 1});
    begin(&server, limited.clone()).await;
    let mut held = server.owner.poll("first", 10).await.with_status(200);
    let mut holder = "first".to_owned();
    for round in 0..10 {
        let worker = format!("w{round}");
        let poll = server.owner.park(&worker).await;
        let run = begin(&server, limited.clone()).await;
        assert_eq!(run["status"], "queued", "no hand-off past a limit");
        let ended = Instant::now();
        server.owner.complete(&held, &holder).await.with_status(204);
        held = poll.await.unwrap().with_status(200);
        assert_eq!(held["run_id"], run["id"]);
        // The look of every second would take half of one on average.
        assert!(ended.elapsed() < Duration::from_millis(400), "{round}");
        holder = worker;
    }
}

#[tokio::test]
async fn the_next_token_of_a_rate_rings_a_parked_claim() {
    let server = TestServer::start().await;
    let rate = json!({"concurrency_key": "r", "rate_limit": {"limit": 10, "per_seconds": 3}});
    for _ in 0..6 {
        begin(&server, rate.clone()).await;
    }
    let began = Instant::now();
    for round in 0..6 {
        let poll = server.owner.poll(&format!("w{round}"), 10).await;
        poll.with_status(200);
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1_450), "{took:?}");
    assert!(
        took < Duration::from_millis(2_900),
        "each came by its own alarm: {took:?}"
    );
}

#[tokio::test]
async fn room_that_comes_free_at_one_replica_goes_to_a_claim_at_another() {
    let server = TestServer::start().await;
    let other = server.another_replica().await;
    let limited = json!({"concurrency_key": "k", "max_concurrency": 1});
    begin(&server, limited.clone()).await;
    let mut held = server.owner.poll("first", 10).await.with_status(200);
    let mut holder = "first".to_owned();
    let mut quick = 0;
    for round in 0..10 {
        begin(&server, limited.clone()).await;
        let worker = format!("w{round}");
        let poll = other.owner.park(&worker).await;
        let ended = Instant::now();
        server.owner.complete(&held, &holder).await.with_status(204);
        held = poll.await.unwrap().with_status(200);
        quick += i32::from(ended.elapsed() < Duration::from_millis(250));
        holder = worker;
    }
    // With nothing but the look of every second, a quarter of them would be.
    assert!(quick >= 8, "{quick}");
}
