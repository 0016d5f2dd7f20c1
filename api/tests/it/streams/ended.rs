//! Waiting in the process for the end of a run.

use std::time::Duration;

use mobius_api::ApiError;
use mobius_test_support::factories::RunDraft;
use mobius_types::RunId;
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::TestServer;

#[tokio::test]
async fn whoever_waits_is_told_when_the_run_ends() {
    let server = TestServer::start().await;
    let project = server.tenant.project;
    let runs = server.tenant.start_many(&RunDraft::default(), 20).await;
    let mut waiting = JoinSet::new();
    for run in runs.iter().map(|run| run.id) {
        for _ in 0..3 {
            let app = server.app.clone();
            waiting.spawn(async move { (run, app.run_ended(project, run).await) });
        }
    }
    for (place, held) in server.tenant.claim("w", 20).await.into_iter().enumerate() {
        let report = match place % 2 {
            0 => held.completed(&json!(1)),
            _ => held.failed("broken"),
        };
        server.tenant.settle(report).await.unwrap();
    }
    while let Some(ended) = waiting.join_next().await {
        let (run, outcome) = ended.unwrap();
        outcome.unwrap();
        assert!(server.tenant.run(run).await.run.status.is_terminal());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_at_the_moment_of_the_question_is_not_missed() {
    let server = TestServer::start().await;
    let project = server.tenant.project;
    for _ in 0..50 {
        let run = server.tenant.start(RunDraft::default()).await.id;
        let held = server.tenant.claim_one("w").await;
        let app = server.app.clone();
        // With every round the project's reader starts anew: this is the only one who waits.
        let waiting = tokio::spawn(async move { app.run_ended(project, run).await });
        server
            .tenant
            .settle(held.completed(&json!(1)))
            .await
            .unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        ended.expect("the end was missed").unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_run_that_ended_before_or_is_not_there_is_not_waited_for() {
    let server = TestServer::start().await;
    let project = server.tenant.project;
    let run = server.tenant.start(RunDraft::default()).await.id;
    let held = server.tenant.claim_one("w").await;
    server
        .tenant
        .settle(held.completed(&json!(1)))
        .await
        .unwrap();
    server.app.run_ended(project, run).await.unwrap();
    let other = server.tenant.another_project("other").await.project;
    for (project, run) in [(project, RunId::generate()), (other, run)] {
        let refused = server.app.run_ended(project, run).await;
        assert!(matches!(refused, Err(ApiError::NotFound("run"))));
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_wait() {
    let server = TestServer::start().await;
    let run = server.tenant.start(RunDraft::default()).await.id;
    let waiting = server.app.run_ended(server.tenant.project, run);
    server.begin_stop();
    assert!(matches!(waiting.await, Err(ApiError::Unavailable)));
}
