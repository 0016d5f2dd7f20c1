//! Stopping: what runs may end, what comes late is still run, and then it is over.

use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use super::{
    server::{Answer, Server},
    *,
};

#[tokio::test(start_paused = true)]
async fn a_draining_worker_lets_its_actions_end_and_reports_them() {
    let server = Server::new();
    server.offer("slow", |_| {});
    let finish = Arc::new(Notify::new());
    let (begun, mut begins) = mpsc::unbounded_channel();
    let gate = Arc::clone(&finish);
    let running = start(&server, |worker| {
        worker.action("slow", move |_: Context, _: JsonObject| {
            let (gate, begun) = (Arc::clone(&gate), begun.clone());
            async move {
                begun.send(()).unwrap();
                gate.notified().await;
                Ok::<_, ActionError>("done")
            }
        })
    });
    begins.recv().await.unwrap();
    running.stop.cancel();
    tokio::time::advance(secs(20)).await;
    assert!(!running.ended.is_finished());
    finish.notify_one();
    running.ended.await.unwrap().unwrap();
    assert_eq!(server.report().await.report.error_type, None);
}

#[tokio::test(start_paused = true)]
async fn actions_that_outlast_the_drain_are_stopped_and_reported_as_retryable() {
    let server = Server::new();
    server.offer("wait", |_| {});
    server.offer("deaf", |_| {});
    let running = start(&server, |worker| worker);
    server.until(|log| log.claims.len() >= 2).await;
    let begin = Instant::now();
    running.stopped().await.unwrap();
    let took = begin.elapsed();
    // Two seconds for the last poll, thirty to drain, five for the one that does not listen.
    assert!(took > secs(34) && took < secs(38), "{took:?}");
    for _ in 0..2 {
        let report = server.report().await.report;
        assert_eq!(report.error_type.as_deref(), Some("worker_shutdown"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_draining() {
    let server = Server::new();
    server.offer("wait", |_| {});
    let running = start(&server, |worker| worker);
    server.until(|log| log.claims.len() >= 2).await;
    let begin = Instant::now();
    running.stop.cancel();
    running.hurry.cancel();
    running.ended.await.unwrap().unwrap();
    assert!(begin.elapsed() < secs(3), "{:?}", begin.elapsed());
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("worker_shutdown"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_within_seconds_and_claims_no_more() {
    let server = Server::new();
    let running = start(&server, |worker| worker);
    server.until(|log| !log.claims.is_empty()).await;
    let begin = Instant::now();
    running.stopped().await.unwrap();
    assert!(begin.elapsed() < secs(3), "{:?}", begin.elapsed());
    assert_eq!(server.log().claims.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_comes_while_the_worker_stops_is_run() {
    let server = Server::new();
    let running = start(&server, |worker| worker);
    server.until(|log| !log.claims.is_empty()).await;
    running.stop.cancel();
    tokio::time::advance(secs(1)).await;
    let job = server.offer("echo", |_| {});
    running.ended.await.unwrap().unwrap();
    assert_eq!(server.report().await.job_id, job.to_string());
}

#[tokio::test(start_paused = true)]
async fn leases_are_kept_while_draining() {
    let server = Server::new();
    server.offer("wait", |_| {});
    let running = start(&server, |worker| worker.drain_timeout(secs(300)));
    server.until(|log| log.claims.len() >= 2).await;
    running.stopped().await.unwrap();
    assert!(server.log().heartbeats.len() >= 10);
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("worker_shutdown"));
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_does_not_wait_for_ever_for_acknowledgements() {
    let server = Server::new();
    server.answer_reports(vec![Answer::Unreachable; 10_000]);
    server.offer("echo", |_| {});
    let running = start(&server, |worker| worker);
    server.report().await;
    let begin = Instant::now();
    running.stopped().await.unwrap();
    assert!(begin.elapsed() < secs(13), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_worker_stops_its_actions_and_reports_nothing() {
    let server = Server::new();
    server.offer("wait", |_| {});
    let (stops, mut stopped) = mpsc::unbounded_channel::<CancelReason>();
    let running = start(&server, |worker| worker.state(stops));
    server.until(|log| log.claims.len() >= 2).await;
    running.ended.abort();
    assert_eq!(stopped.recv().await, Some(CancelReason::Shutdown));
    assert!(server.log().completions.is_empty());
}
