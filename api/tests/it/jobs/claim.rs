//! `POST /projects/{project}/jobs/claim` and `…/claims`, without waiting.

use mobius_test_support::factories::{RunDraft, spec};
use serde_json::{Value, json};

use crate::harness::TestServer;

const CLAIM: &str = "/projects/default/jobs/claim";
const CLAIMS: &str = "/projects/default/jobs/claims";

#[tokio::test]
async fn a_claimed_job_says_all_that_a_worker_needs() {
    let server = TestServer::start().await;
    let body = json!({"name": "w", "steps": [{
        "name": "s", "action": "echo", "parameters": {"a": "${run.attempt}"}, "retry": [{"timeout": "1m"}],
    }]});
    let run = server.tenant.start(RunDraft::of(spec(body))).await;
    let job = server.owner.claim("w-1").await;
    let id = job["job_id"].as_str().unwrap();
    assert!(id.starts_with("job_"), "{id}");
    let expected = json!({
        "job_id": id, "run_id": run.id, "workflow_name": "w", "step_name": "s", "action": "echo",
        "parameters": {"a": 1}, "attempt": 1, "queue": "default",
        "heartbeat_interval_seconds": 30, "lease_seconds": 90,
        "idempotency_key": id, "timeout_ms": 60_000,
    });
    assert_eq!(job, expected);
}

/// Rounded down it would be none at all.
#[tokio::test]
async fn the_shortest_timeout_is_a_millisecond() {
    let server = TestServer::start().await;
    let spec = json!({"name": "w", "steps": [
        {"name": "s", "action": "echo", "retry": [{"timeout": "1ns"}]},
    ]});
    server.owner.start_of(&spec).await;
    assert_eq!(server.owner.claim("w").await["timeout_ms"], 1);
}

#[tokio::test]
async fn a_job_is_claimed_once() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let claims = (0..20).map(|worker| server.owner.poll(["a", "b"][worker % 2], 0));
    let answers = futures_util::future::join_all(claims).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(204)), (1, 19));
}

#[tokio::test]
async fn without_a_job_the_answer_is_empty() {
    let server = TestServer::start().await;
    let answer = server.owner.poll("w", 0).await;
    answer.with_status(204);
    assert!(answer.text.is_empty());
    let claims = json!({"worker_id": "w", "max_jobs": 3});
    let answer = server.owner.post(CLAIMS, &claims).await.with_status(200);
    assert_eq!(answer, json!({"items": []}));
}

#[tokio::test]
async fn a_worker_gets_only_what_its_filters_let_through() {
    let server = TestServer::start().await;
    for queue in ["a", "b"] {
        for action in ["x", "y"] {
            let body = json!({"name": "w", "steps": [{"name": "s", "action": action}]});
            server
                .tenant
                .start(RunDraft {
                    queue: queue.to_owned(),
                    ..RunDraft::of(spec(body))
                })
                .await;
        }
    }
    let claim = async |queues: Value, actions: Value| {
        let body = json!({"worker_id": "w", "queues": queues, "actions": actions});
        let job = server.owner.post(CLAIM, &body).await.json();
        (job["queue"].clone(), job["action"].clone())
    };
    let nothing = (Value::Null, Value::Null);
    assert_eq!(claim(json!(["c"]), json!([])).await, nothing);
    assert_eq!(claim(json!(["*", "%"]), json!([])).await, nothing);
    assert_eq!(
        claim(json!(["b"]), json!(["y", "z"])).await,
        (json!("b"), json!("y"))
    );
    assert_eq!(claim(json!(["b"]), json!(["y", "z"])).await, nothing);
    assert_eq!(
        claim(json!([]), json!(["y"])).await,
        (json!("a"), json!("y"))
    );
    assert_eq!(
        claim(json!(["a", "b", "a"]), json!([])).await,
        (json!("a"), json!("x"))
    );
    assert_eq!(claim(json!([]), json!([])).await, (json!("b"), json!("x")));
    assert_eq!(claim(json!([]), json!([])).await, nothing);
}

#[tokio::test]
async fn several_jobs_are_claimed_at_once_and_no_more_than_asked_for() {
    let server = TestServer::start().await;
    let runs = server.tenant.start_many(&RunDraft::default(), 5).await;
    let mut claimed = Vec::new();
    for (most, got) in [(2, 2), (100, 3), (1, 0)] {
        let body = json!({"worker_id": "w", "max_jobs": most, "wait_seconds": 0});
        let answer = server.owner.post(CLAIMS, &body).await.with_status(200);
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), got);
        claimed.extend(
            items
                .iter()
                .map(|job| job["run_id"].as_str().unwrap().to_owned()),
        );
    }
    let mut started: Vec<String> = runs.iter().map(|run| run.id.to_string()).collect();
    started.sort_unstable();
    claimed.sort_unstable();
    assert_eq!(claimed, started);
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    server.owner.start().await;
    for field in ["agent_id", "agent_session_id"] {
        let body = json!({"worker_id": "w", field: "agt_1"});
        let answer = server.owner.post(CLAIM, &body).await;
        assert_eq!(answer.error(404, "not_found"), "agent not found");
    }
    assert!(!server.owner.claim("w").await.is_null());
}
