//! The way from an empty database to a server that serves.

use std::process::Command;

use mobius_test_support::TestCluster;

use crate::harness::{Deployment, Process, completed, json_step, mobius, start};

/// A database without tables, on the cluster.
async fn empty_database(cluster: &TestCluster) -> String {
    let made = mobius_store::create_database(cluster.url(), "empty").await;
    made.unwrap();
    cluster.postgres().url("empty")
}

fn over(database_url: &str, arguments: &[&str]) -> Command {
    let mut command = mobius(arguments);
    command.env("DATABASE_URL", database_url);
    command
}

#[tokio::test]
async fn an_empty_database_is_refused_then_migrated_bootstrapped_and_served() {
    let cluster = TestCluster::start().await;
    let url = empty_database(&cluster).await;
    let unmigrated = ["server", "--listen", "127.0.0.1:0", "--no-migrate"];
    let line = Process::run(over(&url, &unmigrated)).await.refused();
    assert!(line.contains("mobius migrate"), "{line}");

    for _ in 0..2 {
        let printed = Process::run(over(&url, &["migrate"])).await.succeeded();
        assert_eq!(printed, ["the schema is up to date"]);
    }
    let keyless = Process::start(over(&url, &unmigrated));
    keyless.logs("mobius bootstrap").await;
    drop(keyless);

    let deployment = Deployment::over(&url).await;
    let server = deployment.server(&[("MOBIUS_NO_MIGRATE", "true")]).await;
    let _worker = server.worker(1).await;
    let run = start(&server.client(), json_step()).await;
    completed(&server.client(), run).await;
}

#[tokio::test]
async fn a_server_migrates_an_empty_database_by_itself() {
    let cluster = TestCluster::start().await;
    let url = empty_database(&cluster).await;
    let server = Process::start(over(&url, &["server", "--listen", "127.0.0.1:0"]));
    server.logs("serving address=").await;
}
