//! A key that is pinned to a project opens that one, and needs not name it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Ids, ROUTES, TestServer, echo_spec};

#[tokio::test]
async fn a_pinned_key_opens_its_project() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let caller = server.caller_pinned_to(&server.tenant).await;
    for route in ROUTES.iter().filter(|route| route.path != "/projects") {
        let answer = route.call(&caller, &route.at(&ids)).await;
        let is_let_in = matches!(answer.status, 200..=299 | 409);
        assert!(is_let_in, "{route:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_pinned_key_finds_no_other_project() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let other = server.tenant.another_project("other").await;
    let caller = server.caller_pinned_to(&other).await;
    for route in ROUTES.iter().filter(|route| route.path != "/projects") {
        let answer = route.call(&caller, &route.at(&ids)).await;
        answer.error(404, "not_found");
    }
}

#[tokio::test]
async fn a_pinned_key_lists_its_project_alone_and_creates_none() {
    let server = TestServer::start().await;
    let other = server.tenant.another_project("other").await;
    let caller = server.caller_pinned_to(&other).await;
    let list = caller.get("/projects").await.with_status(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["handle"], "other");
    let created = caller.post("/projects", &json!({"name": "mine"})).await;
    created.error(403, "forbidden");
}

#[tokio::test]
async fn a_worker_with_a_pinned_key_needs_no_project_in_its_paths() {
    let server = TestServer::start().await;
    let other = server.tenant.another_project("other").await;
    let worker = server.caller_pinned_to(&other).await;
    let run = json!({"spec": echo_spec()});
    for _ in 0..2 {
        let started = server.owner.post("/projects/other/runs", &run).await;
        started.with_status(202);
    }
    let claim = json!({"worker_id": "w"});
    let job = worker.post("/jobs/claim", &claim).await.with_status(200);
    let claims = json!({"worker_id": "w", "max_jobs": 5});
    let jobs = worker.post("/jobs/claims", &claims).await.with_status(200);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1);
    let id = job["job_id"].as_str().unwrap();
    let fence = json!({"worker_id": "w", "attempt": 1});
    let beat = worker.post(&format!("/jobs/{id}/heartbeat"), &fence).await;
    beat.with_status(200);
    let events = json!({
        "worker_id": "w", "attempt": 1, "events": [{"type": "t", "payload": {}}],
    });
    let told = worker.post(&format!("/jobs/{id}/events"), &events).await;
    told.with_status(204);
    let report = json!({"worker_id": "w", "attempt": 1, "status": "completed"});
    let done = worker.post(&format!("/jobs/{id}/complete"), &report).await;
    done.with_status(204);
    let mut item = report.clone();
    item["job_id"] = jobs["items"][0]["job_id"].clone();
    for batch in ["heartbeats", "completions"] {
        let path = format!("/jobs/{batch}");
        let answer = worker.post(&path, &json!({"items": [item]})).await;
        let status = answer.with_status(200)["items"][0]["status"].clone();
        assert!(status == 200 || status == 204, "{status}");
    }
}

#[tokio::test]
async fn a_key_for_several_projects_has_to_name_one() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let pinned = server.caller_pinned_to(&server.tenant).await;
    let mut count = 0;
    for route in ROUTES {
        let Some(path) = route.without_project() else {
            continue;
        };
        let path = path.replace("{id}", &ids.job);
        let answer = route.call(&server.owner, &path).await;
        let message = answer.error(400, "bad_request");
        assert!(message.contains("/projects/{project}/"), "{message}");
        let named = route.call(&pinned, &route.at(&ids)).await;
        let unnamed = route.call(&pinned, &path).await;
        assert_eq!(named.status, unnamed.status, "{route:?}");
        count += 1;
    }
    assert_eq!(count, 8);
}

#[tokio::test]
async fn a_key_that_is_pinned_to_a_deleted_project_opens_nothing() {
    let server = TestServer::start().await;
    let other = server.tenant.another_project("other").await;
    let caller = server.caller_pinned_to(&other).await;
    let path = format!("/projects/{}", other.project);
    server.owner.delete(&path).await.with_status(204);
    let since = Instant::now();
    while caller.get("/projects").await.status != 401 {
        assert!(since.elapsed() < Duration::from_secs(3), "it still works");
    }
}
