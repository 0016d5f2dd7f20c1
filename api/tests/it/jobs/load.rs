//! What a thousand parked claims cost the others, and the database.

use std::time::{Duration, Instant};

use mobius_store::{Db, DbOptions, Settings, Store};
use mobius_test_support::{
    TestCluster,
    factories::Tenant,
    inspect::{commits, stop_autovacuum},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Answer, Replica, echo_spec};

/// The connections of a replica's pool, as the product sets them.
const CONNECTIONS: usize = 10;

/// A replica as the product makes it, with few connections and little patience with them. Its
/// Postgres does nothing by itself, so that every transaction is the replica's.
async fn product_replica(cluster: &TestCluster) -> Replica {
    let options = DbOptions::new(cluster.url());
    assert_eq!(options.max_connections as usize, CONNECTIONS);
    let store = Store::new(Db::new(&options).unwrap(), Settings::default());
    stop_autovacuum(&mut store.db().acquire().await.unwrap()).await;
    Replica::serve(Tenant::bootstrap(store).await).await
}

/// The time below which 99 of 100 calls are answered.
async fn p99(mut call: impl AsyncFnMut() -> Answer, status: u16) -> Duration {
    let mut times = Vec::new();
    for _ in 0..100 {
        let since = Instant::now();
        call().await.with_status(status);
        times.push(since.elapsed());
    }
    times.sort_unstable();
    times[98]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parked_claims_cost_others_nothing() {
    let cluster = TestCluster::start().await;
    let replica = product_replica(&cluster).await;
    let workers: Vec<String> = (0..1_000).map(|worker| format!("w{worker}")).collect();
    let mut polls = JoinSet::new();
    for worker in &workers {
        let (caller, worker) = (replica.owner.clone(), worker.clone());
        polls.spawn(async move {
            let claim = json!({"worker_id": worker, "wait_seconds": 30, "queues": ["parked"]});
            caller.post("/projects/default/jobs/claim", &claim).await
        });
    }
    replica.owner.await_parked(&workers).await;
    let owner = &replica.owner;
    let run = owner.start().await;
    let path = format!("/projects/default/runs/{}", run["id"].as_str().unwrap());
    let start = json!({"spec": echo_spec()});
    let fast = Duration::from_millis(500);
    assert!(p99(async || owner.get("/healthz").await, 200).await < fast);
    assert!(
        p99(
            async || owner.post("/projects/default/runs", &start).await,
            202
        )
        .await
            < fast
    );
    assert!(p99(async || owner.get(&path).await, 200).await < fast);

    let db = replica.tenant.store.db();
    let before = commits(db, CONNECTIONS).await;
    // sleeps: the cost of waiting shows only while time passes and nothing happens.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let spent = commits(db, CONNECTIONS).await - before;
    let own = i64::try_from(CONNECTIONS).unwrap() + 1;
    // A look a second, and now and then the list of workers is written.
    assert!(
        (1..=own + 7).contains(&spent),
        "{spent} transactions, of which {own} counted"
    );
    assert!(
        polls.try_join_next().is_none(),
        "a claim was answered early"
    );
    replica.begin_stop();
    for answer in polls.join_all().await {
        answer.with_status(204);
    }
}
