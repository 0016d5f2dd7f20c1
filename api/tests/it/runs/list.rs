//! `GET /projects/{project}/runs` and `GET /projects/{project}/workflows/{id}/runs`.

use mobius_test_support::factories::{RunDraft, one_step, two_steps};
use mobius_types::{RunId, WorkflowRun};

use crate::harness::TestServer;

/// The ids that a list shows.
async fn listed(server: &TestServer, path: &str) -> Vec<String> {
    let list = server.owner.get(path).await.with_status(200);
    assert_eq!(list["data"], list["items"]);
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

fn ids(runs: &[&WorkflowRun]) -> Vec<String> {
    runs.iter().map(|run| run.id.to_string()).collect()
}

#[tokio::test]
async fn runs_are_found_by_each_filter_and_by_all_together() {
    let server = TestServer::start().await;
    let start = async |draft| server.tenant.start(draft).await;
    let a = start(RunDraft {
        external_id: Some("x".to_owned()),
        ..RunDraft::in_queue("q1")
    })
    .await;
    let b = start(RunDraft {
        external_id: Some("x".to_owned()),
        ..RunDraft::in_queue("q2")
    })
    .await;
    let c = start(RunDraft {
        initiated_by: "cron".to_owned(),
        ..RunDraft::of(two_steps())
    })
    .await;
    server.tenant.claim_one("w").await;
    for (query, found) in [
        ("", vec![&c, &b, &a]),
        ("?queue=q1", vec![&a]),
        ("?external_id=x", vec![&b, &a]),
        ("?external_id=x&queue=q2", vec![&b]),
        ("?workflow_type=two-steps", vec![&c]),
        ("?initiated_by=cron", vec![&c]),
        ("?initiated_by=cron&queue=q1", vec![]),
        ("?status=running", vec![&a]),
        ("?status=queued", vec![&c, &b]),
        ("?status=suspended", vec![]),
        ("?queue=", vec![]),
        ("?queue=q%25", vec![]),
        ("?unknown=1", vec![&c, &b, &a]),
    ] {
        let path = format!("/projects/default/runs{query}");
        assert_eq!(listed(&server, &path).await, ids(&found), "{query}");
    }
    let parent = format!("/projects/default/runs?parent_run_id={}", RunId::generate());
    assert!(listed(&server, &parent).await.is_empty());
}

#[tokio::test]
async fn a_workflows_runs_are_its_own() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let a = server.tenant.start(RunDraft::of_workflow(id)).await;
    server.owner.start().await;
    let b = server
        .tenant
        .start(RunDraft {
            workflow: Some(id),
            ..RunDraft::in_queue("q")
        })
        .await;
    let path = format!("/projects/default/workflows/{id}/runs");
    assert_eq!(listed(&server, &path).await, ids(&[&b, &a]));
    assert_eq!(
        listed(&server, &format!("{path}?queue=q")).await,
        ids(&[&b])
    );
}

#[tokio::test]
async fn pages_show_each_run_once_although_others_start_meanwhile() {
    let server = TestServer::start().await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(
            server.owner.start().await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    expected.reverse();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/projects/default/runs?limit=3{cursor}");
        let page = server.owner.get(&path).await.with_status(200);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|run| run["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        server.owner.start().await;
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn a_page_has_fifty_runs_unless_asked_for_more() {
    let server = TestServer::start().await;
    server.tenant.start_many(&RunDraft::default(), 201).await;
    for (query, count) in [("", 50), ("?limit=1", 1), ("?limit=200", 200)] {
        let path = format!("/projects/default/runs{query}");
        assert_eq!(listed(&server, &path).await.len(), count);
    }
}
