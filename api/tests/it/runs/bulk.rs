//! `POST /projects/{project}/runs/cancellations` and `/runs/retries`.

use mobius_test_support::factories::RunDraft;
use mobius_types::RunId;
use serde_json::{Value, json};

use crate::harness::TestServer;

const CANCEL: &str = "/projects/default/runs/cancellations";
const RETRY: &str = "/projects/default/runs/retries";

/// How many runs have each status.
async fn count(server: &TestServer, status: &str) -> usize {
    let path = format!("/projects/default/runs?limit=200&status={status}");
    let list = server.owner.get(&path).await.with_status(200);
    list["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn each_run_succeeds_or_fails_on_its_own() {
    let server = TestServer::start().await;
    let live = server.owner.start().await["id"].clone();
    let ended = server.owner.start().await;
    server
        .owner
        .act(&ended, "cancellations")
        .await
        .with_status(204);
    let stranger = server.tenant.stranger().await;
    let foreign = stranger.start(RunDraft::default()).await.id;
    let unknown = RunId::generate();
    let ids = json!({"run_ids": [live, live, ended["id"], unknown, "x", foreign, live]});
    let result = server.owner.post(CANCEL, &ids).await.with_status(200);
    assert_eq!(result["succeeded"], json!([live]));
    let failures = result["failures"].as_object().unwrap();
    assert_eq!(failures.len(), 4);
    assert_eq!(failures[ended["id"].as_str().unwrap()], "the run has ended");
    for id in [unknown.to_string(), "x".to_owned(), foreign.to_string()] {
        assert_eq!(failures[&id], "run not found", "{id}");
    }
    assert!(result.get("has_more").is_none());
    let spared = stranger.run(foreign).await.run;
    assert!(!spared.status.is_terminal() && !spared.cancel_requested);
}

#[tokio::test]
async fn a_filter_cancels_what_has_not_ended() {
    let server = TestServer::start().await;
    let drafts = [("a", 3), ("b", 2)];
    for (queue, runs) in drafts {
        server
            .tenant
            .start_many(&RunDraft::in_queue(queue), runs)
            .await;
    }
    let filter = json!({"filter": {"queue": "a"}});
    let result = server.owner.post(CANCEL, &filter).await.with_status(200);
    assert_eq!(result["succeeded"].as_array().unwrap().len(), 3);
    assert_eq!(result["has_more"], false);
    assert!(result.get("failures").is_none());
    assert_eq!(
        (
            count(&server, "failed").await,
            count(&server, "queued").await
        ),
        (3, 2)
    );
    let again = server.owner.post(CANCEL, &filter).await.with_status(200);
    assert_eq!(again["succeeded"], json!([]));
}

#[tokio::test]
async fn failed_runs_are_retried_by_id_and_by_filter() {
    let server = TestServer::start().await;
    let runs = server.tenant.start_many(&RunDraft::in_queue("q"), 4).await;
    let (first, rest) = runs.split_first().unwrap();
    let ids: Vec<RunId> = rest.iter().map(|run| run.id).collect();
    server
        .owner
        .post(CANCEL, &json!({"run_ids": ids}))
        .await
        .with_status(200);
    let one = json!({"run_ids": [first.id, ids[0]], "from": "start"});
    let result = server.owner.post(RETRY, &one).await.with_status(200);
    assert_eq!(result["succeeded"], json!([ids[0]]));
    assert!(
        result["failures"][first.id.to_string()]
            .as_str()
            .unwrap()
            .contains("failed")
    );
    let others = json!({"run_ids": [], "filter": {"queue": "q"}, "from": "failure"});
    let result = server.owner.post(RETRY, &others).await.with_status(200);
    assert_eq!(result["succeeded"].as_array().unwrap().len(), 2);
    assert_eq!(
        (
            count(&server, "failed").await,
            count(&server, "queued").await
        ),
        (0, 4)
    );
}

#[tokio::test]
async fn a_thousand_runs_are_dealt_with_and_the_answer_says_that_there_are_more() {
    let server = TestServer::start().await;
    server
        .tenant
        .start_many(&RunDraft::in_queue("q"), 1_001)
        .await;
    let filter = json!({"filter": {"queue": "q"}});
    for (done, has_more) in [(1_000, true), (1, false)] {
        let result = server.owner.post(CANCEL, &filter).await.with_status(200);
        assert_eq!(result["succeeded"].as_array().unwrap().len(), done);
        assert_eq!(result["has_more"], has_more);
    }
}

/// They run on until their workers answer, and would be met again by every call.
#[tokio::test]
async fn runs_that_are_being_cancelled_do_not_stand_in_the_way_of_the_others() {
    let server = TestServer::start().await;
    let draft = RunDraft::in_queue("q");
    let oldest = server.tenant.start_many(&draft, 2).await;
    server.tenant.start_many(&draft, 1_000).await;
    while !server.tenant.claim("w", 100).await.is_empty() {}
    let filter = json!({"filter": {"queue": "q", "status": "running"}});
    for (done, has_more) in [(1_000, true), (2, false), (0, false)] {
        let result = server.owner.post(CANCEL, &filter).await.with_status(200);
        assert_eq!(result["succeeded"].as_array().unwrap().len(), done);
        assert_eq!(result["has_more"], has_more);
    }
    for run in oldest {
        assert!(server.tenant.run(run.id).await.run.cancel_requested);
    }
}

#[tokio::test]
async fn what_is_not_exactly_one_choice_is_refused() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let many: Vec<String> = (0..1_001).map(|_| RunId::generate().to_string()).collect();
    let refused: [(Value, &str); 8] = [
        (json!({}), "`run_ids`"),
        (
            json!({"run_ids": [run["id"]], "filter": {"queue": "q"}}),
            "`filter`",
        ),
        (json!({"run_ids": many}), "run_ids: "),
        (json!({"run_ids": "x"}), "run_ids: "),
        (json!({"run_ids": [1]}), "run_ids[0]: "),
        (json!({"filter": {}}), "filter: "),
        (json!({"filter": {"colour": "red"}}), "filter.colour: "),
        (json!({"filter": {"status": "gone"}}), "filter.status: "),
    ];
    for path in [CANCEL, RETRY] {
        for (body, says) in &refused {
            let message = server
                .owner
                .post(path, body)
                .await
                .error(400, "bad_request");
            assert!(message.contains(says), "{body}: {message}");
        }
        let nothing = server.owner.post(path, &json!({"run_ids": []})).await;
        assert_eq!(nothing.with_status(200), json!({"succeeded": []}));
    }
    let from = json!({"run_ids": [run["id"]], "from": "x"});
    server
        .owner
        .post(RETRY, &from)
        .await
        .error(400, "bad_request");
    assert_eq!(server.owner.run(&run).await["status"], "queued");
}
