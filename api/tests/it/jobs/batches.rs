//! `POST …/jobs/heartbeats` and `…/jobs/completions`: each item on its own.

use mobius_test_support::factories::RunDraft;
use mobius_types::{JobId, RunId};
use serde_json::{Value, json};

use crate::harness::TestServer;

const HEARTBEATS: &str = "/projects/default/jobs/heartbeats";
const COMPLETIONS: &str = "/projects/default/jobs/completions";

/// Jobs that worker `w` holds.
async fn held(server: &TestServer, count: usize) -> Vec<Value> {
    server.tenant.start_many(&RunDraft::default(), count).await;
    let claims = json!({"worker_id": "w", "max_jobs": count});
    let answer = server
        .owner
        .post("/projects/default/jobs/claims", &claims)
        .await;
    let items = answer.with_status(200)["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), count);
    items
}

fn item(job_id: &Value, worker: &str, attempt: i32) -> Value {
    json!({"job_id": job_id, "worker_id": worker, "attempt": attempt, "status": "completed"})
}

/// What became of the items: the statuses, and the codes of those that failed.
fn outcomes(answer: &Value) -> Vec<(u64, Option<&str>)> {
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            (
                item["status"].as_u64().unwrap(),
                item["error"]["code"].as_str(),
            )
        })
        .collect()
}

/// Items of which some can't succeed, with what must become of them.
fn mixed(held: &[Value], success: u64) -> (Vec<Value>, Vec<(u64, Option<&'static str>)>) {
    let unknown = json!(JobId::generate());
    let foreign = json!(RunId::generate());
    [
        (item(&held[0]["job_id"], "w", 1), (success, None)),
        (item(&unknown, "w", 1), (404, Some("not_found"))),
        (item(&held[1]["job_id"], "v", 1), (409, Some("lease_lost"))),
        (item(&foreign, "w", 1), (404, Some("not_found"))),
        (item(&held[2]["job_id"], "w", 2), (409, Some("lease_lost"))),
        (item(&held[3]["job_id"], "", 1), (400, Some("bad_request"))),
        (item(&json!("no id"), "w", 1), (404, Some("not_found"))),
        (item(&held[4]["job_id"], "w", 1), (success, None)),
    ]
    .into_iter()
    .unzip()
}

#[tokio::test]
async fn heartbeats_succeed_and_fail_each_on_its_own() {
    let server = TestServer::start().await;
    let held = held(&server, 5).await;
    let (items, expected) = mixed(&held, 200);
    let answer = server
        .owner
        .post(HEARTBEATS, &json!({"items": items}))
        .await;
    let answer = answer.with_status(200);
    assert_eq!(outcomes(&answer), expected);
    for (asked, answered) in items.iter().zip(answer["items"].as_array().unwrap()) {
        assert_eq!(asked["job_id"], answered["job_id"]);
        let is_accepted = answered["status"] == 200;
        assert_eq!(answered["directives"].is_object(), is_accepted);
    }
}

#[tokio::test]
async fn completions_succeed_and_fail_each_on_its_own() {
    let server = TestServer::start().await;
    let held = held(&server, 5).await;
    let (items, expected) = mixed(&held, 204);
    let answer = server
        .owner
        .post(COMPLETIONS, &json!({"items": items}))
        .await;
    assert_eq!(outcomes(&answer.with_status(200)), expected);
    let completed = server
        .owner
        .get("/projects/default/runs?status=completed")
        .await;
    let completed = completed.with_status(200);
    let mut runs: Vec<_> = completed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["id"])
        .collect();
    let mut expected = vec![&held[0]["run_id"], &held[4]["run_id"]];
    runs.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(runs, expected);
}

#[tokio::test]
async fn a_batch_of_reports_can_be_repeated() {
    let server = TestServer::start().await;
    let held = held(&server, 3).await;
    let items: Vec<Value> = held
        .iter()
        .map(|job| item(&job["job_id"], "w", 1))
        .collect();
    for _ in 0..2 {
        let answer = server
            .owner
            .post(COMPLETIONS, &json!({"items": items}))
            .await;
        assert_eq!(outcomes(&answer.with_status(200)), [(204, None); 3]);
    }
}

#[tokio::test]
async fn the_first_of_two_reports_in_one_batch_wins() {
    let server = TestServer::start().await;
    let held = held(&server, 1).await;
    let succeeded = item(&held[0]["job_id"], "w", 1);
    let mut failed = succeeded.clone();
    failed["status"] = json!("failed");
    let items = json!({"items": [succeeded, failed, succeeded]});
    let answer = server
        .owner
        .post(COMPLETIONS, &items)
        .await
        .with_status(200);
    assert_eq!(
        outcomes(&answer),
        [(204, None), (409, Some("lease_lost")), (204, None)]
    );
    let run = server.owner.run(&json!({"id": held[0]["run_id"]})).await;
    assert_eq!(run["status"], "completed");
}
