//! Postgres ends under load, as in a crash, and comes back.

use mobius_test_support::TestCluster;

use crate::harness::{Deployment, History, Load, completed};

/// Jobs of claims whose commit was not answered come back soon.
const TERMS: [(&str, &str); 2] = [
    ("MOBIUS_LEASE_SECONDS", "4"),
    ("MOBIUS_HEARTBEAT_SECONDS", "1"),
];

#[tokio::test]
async fn what_was_acknowledged_survives_restarts_of_postgres_under_load() {
    let cluster = TestCluster::start().await;
    let deployment = Deployment::over(cluster.url()).await;
    let mut server = deployment.server(&TERMS).await;
    let mut workers = [server.worker(8).await, server.worker(8).await];
    let client = server.client();
    let mut load = Load::begin(vec![client.clone(); 4]);
    load.goes_on(50).await;
    for _ in 0..3 {
        cluster.postgres().restart_immediately().await.unwrap();
        load.goes_on(50).await;
    }
    let acknowledged = load.end().await;

    cluster.settles().await;
    for run in acknowledged {
        completed(&client, run).await;
    }
    assert!(server.process.is_running());
    assert!(workers.iter_mut().all(|worker| worker.is_running()));
}
