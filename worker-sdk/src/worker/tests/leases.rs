//! Heartbeats, lost leases, and stopping before another worker can start.

use mobius_types::JobClaim;
use tokio::{sync::mpsc, time::Instant};

use super::{
    server::{Answer, Server},
    *,
};

/// A worker whose waiting actions tell how they were stopped.
fn watched(server: &Arc<Server>) -> (Running, mpsc::UnboundedReceiver<CancelReason>) {
    let (stops, stopped) = mpsc::unbounded_channel::<CancelReason>();
    (start(server, |worker| worker.state(stops)), stopped)
}

fn lease(seconds: i32) -> impl Fn(&mut JobClaim) {
    move |claim| {
        claim.lease_seconds = Some(seconds);
        claim.heartbeat_interval_seconds = Some(seconds / 3);
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_renew_all_jobs_in_one_request() {
    let server = Server::new();
    for _ in 0..3 {
        server.offer("wait", |_| {});
    }
    let (running, mut stopped) = watched(&server);
    let log = server.until(|log| log.heartbeats.len() >= 10).await;
    let waited = log.heartbeats[9].0 - log.heartbeats[0].0;
    assert!(
        waited > secs(9 * 24) && waited <= secs(9 * 30),
        "{waited:?}"
    );
    for (_, request) in &log.heartbeats {
        assert_eq!(request.items.len(), 3);
        assert_eq!(request.items[0].fence.worker_id, "w");
    }
    assert!(
        stopped.try_recv().is_err(),
        "ten leases long nothing was stopped"
    );
    running.hurry.cancel();
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_heartbeats_hang_is_stopped_before_its_lease_ends() {
    let server = Server::new();
    server.answer_heartbeats([Answer::Never]);
    server.offer("wait", |_| {});
    let (running, mut stopped) = watched(&server);
    let claimed_at = server.until(|log| !log.claims.is_empty()).await.claims[0].0;
    assert_eq!(stopped.recv().await, Some(CancelReason::LeaseLost));
    let after = Instant::now() - claimed_at;
    assert!(after > secs(79) && after < secs(81), "{after:?}");
    running.stopped().await.unwrap();
    assert!(server.log().completions.is_empty(), "nothing is reported");
}

#[tokio::test(start_paused = true)]
async fn a_deaf_action_is_dropped_before_its_lease_ends() {
    struct Dropped(mpsc::UnboundedSender<Instant>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(Instant::now()).unwrap();
        }
    }
    let server = Server::new();
    server.answer_heartbeats([Answer::Unreachable]);
    server.offer("hold", lease(9));
    let (drops, mut dropped) = mpsc::unbounded_channel();
    let running = start(&server, |worker| {
        worker.action("hold", move |_: Context, _: JsonObject| {
            let held = Dropped(drops.clone());
            async move {
                let _held = held;
                pending::<Result<Value, ActionError>>().await
            }
        })
    });
    let claimed_at = server.until(|log| !log.claims.is_empty()).await.claims[0].0;
    let after = dropped.recv().await.unwrap() - claimed_at;
    assert!(after > secs(6) && after <= secs(9), "{after:?}");
    running.stopped().await.unwrap();
    assert!(server.log().completions.is_empty(), "nothing is reported");
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_the_action_and_nothing_is_reported() {
    for status in [404, 409] {
        let server = Server::new();
        server.answer_heartbeats([Answer::Items(200), Answer::Items(status)]);
        server.offer("wait", |_| {});
        let (running, mut stopped) = watched(&server);
        assert_eq!(stopped.recv().await, Some(CancelReason::LeaseLost));
        running.stopped().await.unwrap();
        let log = server.log();
        assert_eq!(log.heartbeats.len(), 2, "a lost job beats no more");
        assert!(log.completions.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn failed_heartbeats_are_tried_again_and_the_job_goes_on() {
    let server = Server::new();
    server.answer_heartbeats([
        Answer::Unreachable,
        Answer::Error(503, Some(3)),
        Answer::Items(503),
        Answer::Items(200),
    ]);
    server.offer("wait", |_| {});
    let (running, mut stopped) = watched(&server);
    let log = server.until(|log| log.heartbeats.len() >= 10).await;
    assert!(stopped.try_recv().is_err());
    let gap = |n: usize| log.heartbeats[n + 1].0 - log.heartbeats[n].0;
    assert!(gap(0) < secs(1), "{:?}", gap(0));
    assert!(gap(1) >= secs(3) && gap(1) < secs(5), "{:?}", gap(1));
    assert!(gap(2) < secs(10), "{:?}", gap(2));
    running.hurry.cancel();
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_its_action_which_is_reported() {
    let server = Server::new();
    server.answer_heartbeats([Answer::Cancel]);
    server.offer("wait", |_| {});
    let (running, mut stopped) = watched(&server);
    assert_eq!(stopped.recv().await, Some(CancelReason::Cancelled));
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("cancelled"));
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_action_that_does_not_listen_is_dropped_after_the_grace() {
    let server = Server::new();
    server.answer_heartbeats([Answer::Cancel]);
    server.offer("deaf", |_| {});
    let running = start(&server, |worker| worker);
    let beat = server
        .until(|log| !log.heartbeats.is_empty())
        .await
        .heartbeats[0]
        .0;
    let report = server.report().await.report;
    let after = Instant::now() - beat;
    assert!(after >= secs(5) && after < secs(6), "{after:?}");
    assert_eq!(report.error_type.as_deref(), Some("cancelled"));
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_told_a_little_after_its_time() {
    let server = Server::new();
    server.offer("wait", |claim| claim.timeout_ms = Some(4_000));
    let (running, mut stopped) = watched(&server);
    let begin = Instant::now();
    assert_eq!(stopped.recv().await, Some(CancelReason::TimedOut));
    let after = begin.elapsed();
    assert!(after > secs(4) && after < secs(6), "{after:?}");
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("timeout"));
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_short_lease_that_came_late_in_a_poll_is_confirmed_before_the_action_starts() {
    let server = Server::new();
    let running = start(&server, |worker| worker);
    server.until(|log| !log.claims.is_empty()).await;
    tokio::time::advance(secs(20)).await;
    server.offer("echo", lease(6));
    server.report().await;
    let log = server.log();
    assert_eq!(log.heartbeats.len(), 1);
    assert!(log.heartbeats[0].0 <= log.completions[0].0);
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_short_lease_that_can_not_be_confirmed_is_not_run() {
    for answer in [Answer::Items(409), Answer::Unreachable, Answer::Never] {
        let server = Server::new();
        server.answer_heartbeats([answer]);
        let running = start(&server, |worker| worker);
        server.until(|log| !log.claims.is_empty()).await;
        tokio::time::advance(secs(20)).await;
        server.offer("echo", lease(6));
        server.until(|log| log.claims.len() >= 2).await;
        running.stopped().await.unwrap();
        assert!(server.log().completions.is_empty());
    }
}
