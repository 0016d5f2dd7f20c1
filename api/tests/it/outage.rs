//! Postgres goes away and comes back.

use std::time::{Duration, Instant};

use mobius_store::{Db, DbOptions, Settings, Store};
use mobius_test_support::{TestCluster, factories::Tenant};
use serde_json::json;

use crate::harness::{Answer, Replica, echo_spec};

async fn server_over(cluster: &TestCluster) -> Replica {
    let db = Db::new(&DbOptions::new(cluster.url())).unwrap();
    let store = Store::new(db, Settings::default());
    Replica::serve(Tenant::bootstrap(store).await).await
}

/// Repeats a call until it succeeds.
async fn until_ok(mut call: impl AsyncFnMut() -> Answer) -> Answer {
    let since = Instant::now();
    loop {
        let answer = call().await;
        if answer.status < 300 {
            return answer;
        }
        answer.error(503, "unavailable");
        assert!(
            since.elapsed() < Duration::from_secs(15),
            "still {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_requests_are_put_off_and_go_on_when_it_is_back() {
    let cluster = TestCluster::start().await;
    let server = server_over(&cluster).await;
    let owner = &server.owner;
    owner.get("/readyz").await.with_status(200);
    let first = owner.start().await;
    let job = owner.claim("w").await;
    let poller = owner.clone();
    let parked = tokio::spawn(async move { poller.poll("parked", 30).await });
    owner.await_parked(&["parked".to_owned()]).await;

    cluster.postgres().halt().await.unwrap();
    let start = json!({"spec": echo_spec()});
    let run = format!("/projects/default/runs/{}", first["id"].as_str().unwrap());
    for answer in [
        owner.post("/projects/default/runs", &start).await,
        owner.get(&run).await,
        owner.poll("v", 0).await,
        // The look for the claim before this one was also for those that are parked.
        parked.await.unwrap(),
        owner.complete(&job, "w").await,
        owner.get("/readyz").await,
    ] {
        answer.error(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    owner.get("/healthz").await.with_status(200);

    cluster.postgres().resume().await.unwrap();
    let second = until_ok(async || owner.post("/projects/default/runs", &start).await).await;
    let claimed = owner.claim("v").await;
    assert_eq!(claimed["run_id"], second.json()["id"]);
    until_ok(async || owner.complete(&job, "w").await).await;
    assert_eq!(owner.run(&first).await["status"], "completed");
    until_ok(async || owner.get("/readyz").await).await;
}
