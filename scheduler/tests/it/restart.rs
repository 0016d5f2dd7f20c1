//! Postgres goes away under running loops: they go on by themselves when it is back.

use std::{io, sync::Arc, time::Duration};

use mobius_store::{Db, DbOptions, Settings, Store};
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

/// The log of the loops, read for the one thing that nothing else tells.
struct FailedTicks(Arc<Notify>);

impl io::Write for FailedTicks {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if String::from_utf8_lossy(line).contains("a tick failed") {
            self.0.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Is notified of every tick that fails in this process.
fn failed_ticks() -> Arc<Notify> {
    let failed = Arc::new(Notify::new());
    let heard = Arc::clone(&failed);
    tracing_subscriber::fmt()
        .with_writer(move || FailedTicks(Arc::clone(&heard)))
        .init();
    failed
}

/// A replica that soon notices that Postgres is away.
fn impatient_store(url: &str) -> Store {
    let options = DbOptions {
        acquire_timeout: Duration::from_millis(500),
        ..DbOptions::new(url)
    };
    Store::new(Db::new(&options).unwrap(), Settings::default())
}

async fn wait_for(signal: &Notify, what: &str) {
    let waited = tokio::time::timeout(PATIENCE, signal.notified()).await;
    waited.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loops_go_on_after_postgres_was_away() {
    let failed = failed_ticks();
    let cluster = TestCluster::start().await;
    let tenant = Tenant::bootstrap(store_over(cluster.url(), Settings::default())).await;
    let scheduler = impatient_store(cluster.url());
    let rescued = Arc::new(Notify::new());
    let heard = Arc::clone(&rescued);
    scheduler.doorbell().on_ring(move |_| heard.notify_one());
    let stop = CancellationToken::new();
    let loops = tokio::spawn(mobius_scheduler::run(scheduler, stop.clone()));

    for _ in 0..3 {
        let run = tenant.start(RunDraft::default()).await;
        let held = tenant.claim_one("silent").await;
        assert_eq!(held.job.run, run.id);
        cluster.postgres().halt().await.unwrap();
        // Twice, because both of the loops that matter run into it.
        wait_for(&failed, "a tick fails").await;
        wait_for(&failed, "another tick fails").await;
        cluster.postgres().resume().await.unwrap();
        tenant.advance_clock(PAST_THE_LEASE).await;

        // The bell also rings for news, and when it is connected again.
        while tenant.newest_job(run.id).await.status != JobStatus::Pending {
            wait_for(&rescued, "the job is rescued").await;
        }
        let held = tenant.claim_one("w").await;
        tenant.settle(held.failed("enough")).await.unwrap();
    }
    stop.cancel();
    let stopped = tokio::time::timeout(PATIENCE, loops).await;
    stopped.expect("the loops stop when told to").unwrap();
}
