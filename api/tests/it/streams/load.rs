//! What a thousand streams cost the database.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode, header},
};
use futures_util::{StreamExt, future::join_all};
use mobius_api::Limits;
use mobius_store::{Db, DbOptions, Settings, Store};
use mobius_test_support::{
    TestCluster,
    factories::{RunDraft, Tenant},
    inspect::{commits, stop_autovacuum},
};
use tower::ServiceExt;

use crate::harness::Replica;

/// The connections of a replica's pool, as the product sets them.
const CONNECTIONS: usize = 10;

const STREAMS: usize = 1_000;

async fn replica(cluster: &TestCluster) -> Replica {
    let options = DbOptions::new(cluster.url());
    assert_eq!(options.max_connections as usize, CONNECTIONS);
    let store = Store::new(Db::new(&options).unwrap(), Settings::default());
    stop_autovacuum(&mut store.db().acquire().await.unwrap()).await;
    let limits = Limits {
        streams_per_key: 0,
        keep_alive: Duration::from_secs(3_600),
        ..Limits::default()
    };
    Replica::serve_with(Tenant::bootstrap(store).await, limits).await
}

/// Asks the router itself: a thousand sockets are not what this is about.
async fn open(replica: &Replica) -> BodyDataStream {
    let key = replica.tenant.key.expose();
    let request = Request::get("/projects/default/runs/events")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::empty())
        .unwrap();
    let response = replica.app.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().into_data_stream()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_share_one_reader() {
    let cluster = TestCluster::start().await;
    let replica = replica(&cluster).await;
    let mut streams = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        streams.push(open(&replica).await);
    }
    let db = replica.tenant.store.db();
    let own = i64::try_from(CONNECTIONS).unwrap() + 1;

    let before = commits(db, CONNECTIONS).await;
    // sleeps: the cost of waiting shows only while time passes and nothing happens.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = commits(db, CONNECTIONS).await - before - own;
    // A look a second for all of them. A reader for each stream would be thousands.
    assert!(idle <= 8, "{idle} transactions while nothing happened");

    let before = commits(db, CONNECTIONS).await;
    for round in 0..10 {
        replica.tenant.start(RunDraft::default()).await;
        let frames = streams.iter_mut().map(|stream| stream.next());
        let frames = join_all(frames).await;
        let first = frames[0].as_ref().unwrap().as_ref().unwrap().clone();
        let seq = 2 * round + 1;
        assert!(first.starts_with(format!("id: {seq}\n").as_bytes()));
        for frame in frames {
            assert_eq!(frame.unwrap().unwrap(), first);
        }
        for frame in join_all(streams.iter_mut().map(|stream| stream.next())).await {
            frame.unwrap().unwrap();
        }
    }
    let busy = commits(db, CONNECTIONS).await - before - own;
    // A start, its spec, its ring and the reader's look each time, and some looks of the clock.
    assert!(busy <= 100, "{busy} transactions for ten starts");
}
