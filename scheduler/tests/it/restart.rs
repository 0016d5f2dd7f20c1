//! Postgres goes away under running loops: they go on by themselves when it is back.

use std::{sync::Arc, time::Duration};

use mobius_store::Settings;
use mobius_test_support::{
    TestCluster,
    factories::{RunDraft, Tenant, store_over},
};
use mobius_types::JobStatus;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longer than a lease.
const PAST_THE_LEASE: Duration = Duration::from_secs(91);
/// No wait of a loop after errors is as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that the restart has cut is an error once for whoever gets it next; what is lost
/// is the call, not the pool.
async fn drain_dead_connections(tenant: &Tenant) {
    while tenant.store.db().ping().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loops_go_on_after_a_restart_of_postgres() {
    let cluster = TestCluster::start().await;
    let tenant = Tenant::bootstrap(store_over(cluster.url(), Settings::default())).await;
    let scheduler = tenant.on(store_over(cluster.url(), Settings::default()));
    let rescued = Arc::new(Notify::new());
    let heard = Arc::clone(&rescued);
    scheduler
        .store
        .doorbell()
        .on_ring(move |_| heard.notify_one());
    let stop = CancellationToken::new();
    let loops = tokio::spawn(mobius_scheduler::run(scheduler.store, stop.clone()));

    for round in 1..=3 {
        let run = tenant.start(RunDraft::default()).await;
        let held = tenant.claim_one("silent").await;
        assert_eq!(held.job.run, run.id);
        cluster.postgres().restart_immediately().await.unwrap();
        drain_dead_connections(&tenant).await;
        tenant.advance_clock(PAST_THE_LEASE).await;

        let waited = tokio::time::timeout(PATIENCE, rescued.notified()).await;
        waited.unwrap_or_else(|_| panic!("round {round}: nothing was rescued"));
        let job = tenant.newest_job(run.id).await;
        assert_eq!(job.status, JobStatus::Pending, "round {round}");
        let held = tenant.claim_one("w").await;
        tenant.settle(held.failed("enough")).await.unwrap();
    }
    stop.cancel();
    let stopped = tokio::time::timeout(PATIENCE, loops).await;
    stopped.expect("the loops stop when told to").unwrap();
}
