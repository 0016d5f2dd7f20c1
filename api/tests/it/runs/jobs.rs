//! `GET /projects/{project}/runs/{id}/jobs`.

use mobius_test_support::factories::{RunDraft, two_steps};

use crate::harness::TestServer;

#[tokio::test]
async fn the_jobs_of_a_run_are_listed_oldest_first() {
    let server = TestServer::start().await;
    server.owner.start().await;
    let first = server.owner.claim("w").await;
    let run = server.tenant.start(RunDraft::of(two_steps())).await;
    let path = format!("/projects/default/runs/{}/jobs", run.id);
    let list = server.owner.get(&path).await.with_status(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["attempt"], 1);
    let job = server.owner.claim("w").await;
    assert_ne!(job["job_id"], first["job_id"]);
    server.owner.complete(&job, "w").await.with_status(204);
    let list = server.owner.get(&path).await.with_status(200);
    let items = list["items"].as_array().unwrap();
    let steps: Vec<_> = items.iter().map(|item| &item["step_name"]).collect();
    assert_eq!(steps, ["first", "second"]);
    let states: Vec<_> = items.iter().map(|item| &item["status"]).collect();
    assert_eq!(states, ["completed", "pending"]);
    assert!(
        items
            .iter()
            .all(|item| item["run_id"] == run.id.to_string())
    );
}

#[tokio::test]
async fn the_jobs_of_a_run_are_walked_in_pages() {
    let server = TestServer::start().await;
    let run = server.tenant.start(RunDraft::of(two_steps())).await;
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    let path = format!("/projects/default/runs/{}/jobs?limit=1", run.id);
    let first = server.owner.get(&path).await.with_status(200);
    assert_eq!(first["has_more"], true);
    assert_eq!(first["items"][0]["step_name"], "first");
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("{path}&cursor={cursor}");
    let second = server.owner.get(&path).await.with_status(200);
    assert_eq!(second["has_more"], false);
    assert_eq!(second["items"][0]["step_name"], "second");
    assert!(second.get("next_cursor").is_none());
}

#[tokio::test]
async fn a_cursor_belongs_to_the_list_of_its_run() {
    let server = TestServer::start().await;
    let run = server.tenant.start(RunDraft::of(two_steps())).await;
    let job = server.owner.claim("w").await;
    server.owner.complete(&job, "w").await.with_status(204);
    let path = format!("/projects/default/runs/{}/jobs?limit=1", run.id);
    let page = server.owner.get(&path).await.with_status(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = server.tenant.start(RunDraft::of(two_steps())).await;
    let path = format!("/projects/default/runs/{}/jobs?cursor={cursor}", other.id);
    server.owner.get(&path).await.error(400, "invalid_cursor");
}
