//! `GET /projects/{project}/interactions`.

use mobius_test_support::factories::RunDraft;
use mobius_types::UserId;
use serde_json::{Value, json};

use crate::harness::{TestServer, approval};

const PATH: &str = "/projects/default/interactions";

async fn list(server: &TestServer, query: &str) -> Vec<Value> {
    let answer = server.owner.get(&format!("{PATH}?{query}")).await;
    answer.with_status(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_newest_come_first_in_pages() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        let draft = RunDraft::of(approval(server.tenant.user));
        server.tenant.start(draft).await;
    }
    let all = list(&server, "").await;
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by(|a, b| a["id"].as_str() > b["id"].as_str()));
    let first = server
        .owner
        .get(&format!("{PATH}?limit=2"))
        .await
        .with_status(200);
    assert_eq!(first["items"], json!(all[..2]));
    assert_eq!(first["has_more"], true);
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(
        list(&server, &format!("limit=2&cursor={cursor}")).await,
        all[2..]
    );
}

#[tokio::test]
async fn filters_combine() {
    let server = TestServer::start().await;
    let (me, other) = (server.tenant.user, UserId::generate());
    let run = server.tenant.start(RunDraft::of(approval(me))).await.id;
    server.tenant.start(RunDraft::of(approval(other))).await;
    let path = format!("/projects/default/runs/{run}/cancellations");
    server.owner.post(&path, &json!({})).await.with_status(204);
    for (query, count) in [
        (String::new(), 2),
        ("status=pending".to_owned(), 1),
        ("status=expired".to_owned(), 1),
        ("status=completed".to_owned(), 0),
        (format!("run_id={run}"), 1),
        (format!("run_id={run}&status=pending"), 0),
        ("target_actor_type=member".to_owned(), 2),
        ("target_actor_type=group".to_owned(), 0),
        (format!("target_actor_id={other}"), 1),
        ("inbox=true".to_owned(), 1),
        ("inbox=true&status=pending".to_owned(), 0),
        ("inbox=false".to_owned(), 2),
    ] {
        assert_eq!(list(&server, &query).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let server = TestServer::start().await;
    for query in [
        "status=gone",
        "limit=0",
        "limit=201",
        "cursor=x",
        "inbox=1",
        "target_actor_type=x",
    ] {
        let answer = server.owner.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    let answer = server.owner.get(&format!("{PATH}?run_id=x")).await;
    answer.error(404, "not_found");
}
