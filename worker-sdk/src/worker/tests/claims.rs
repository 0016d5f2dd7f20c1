//! When and how the worker claims.

use super::{
    server::{Answer, Server},
    *,
};

#[tokio::test(start_paused = true)]
async fn free_slots_decide_how_many_jobs_are_asked_for() {
    let server = Server::new();
    for _ in 0..3 {
        server.offer("wait", |_| {});
    }
    let running = start(&server, |worker| {
        worker
            .concurrency(8)
            .queues(["emails"])
            .drain_timeout(secs(0))
    });
    let log = server.until(|log| log.claims.len() >= 2).await;
    let asked: Vec<_> = log
        .claims
        .iter()
        .take(2)
        .map(|(_, claim)| claim.max_jobs)
        .collect();
    assert_eq!(asked, [8, 5]);
    let claim = &log.claims[0].1.claim;
    assert_eq!(claim.queues, ["emails"]);
    assert_eq!(claim.actions, ["deaf", "echo", "panic", "wait"]);
    assert_eq!(claim.wait_seconds, Some(30));
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_a_free_slot_does_not_claim() {
    let server = Server::new();
    server.offer("wait", |_| {});
    let running = start(&server, |worker| {
        worker.concurrency(1).drain_timeout(secs(0))
    });
    server.until(|log| log.heartbeats.len() >= 5).await;
    assert_eq!(server.log().claims.len(), 1);
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_than_a_hundred_jobs_are_never_asked_for() {
    let server = Server::new();
    let running = start(&server, |worker| worker.concurrency(1_000));
    let log = server.until(|log| !log.claims.is_empty()).await;
    assert_eq!(log.claims[0].1.max_jobs, 100);
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_empty_poll_is_followed_by_another_at_once() {
    let server = Server::new();
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.claims.len() >= 2).await;
    let waited = log.claims[1].0 - log.claims[0].0;
    assert!(
        waited >= secs(30) && waited < Duration::from_millis(30_010),
        "{waited:?}"
    );
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_honoured() {
    for status in [429, 503] {
        let server = Server::new();
        server.answer_claims([Answer::Error(status, Some(20))]);
        let running = start(&server, |worker| worker);
        let log = server.until(|log| log.claims.len() >= 2).await;
        let waited = log.claims[1].0 - log.claims[0].0;
        assert!(waited > secs(20) && waited < secs(21), "{waited:?}");
        running.stopped().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_claim_response_is_retried_within_the_bound() {
    let server = Server::new();
    server.answer_claims([Answer::Lost]);
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.claims.len() >= 2).await;
    let waited = log.claims[1].0 - log.claims[0].0;
    assert!(waited < secs(41), "{waited:?}");
    server.offer("echo", |_| {});
    server.report().await;
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_server_is_asked_again_with_growing_delays() {
    let server = Server::new();
    server.answer_claims(vec![Answer::Unreachable; 30]);
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.claims.len() >= 31).await;
    let delay = |n: usize| log.claims[n + 1].0 - log.claims[n].0;
    assert!(delay(0) < Duration::from_millis(200), "{:?}", delay(0));
    assert!(
        delay(29) > secs(2) && delay(29) < secs(8),
        "{:?}",
        delay(29)
    );
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn empty_answers_that_come_at_once_do_not_become_a_storm() {
    let server = Server::new();
    server.answer_claims(vec![Answer::Items(200); 20]);
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.claims.len() >= 21).await;
    let took = log.claims[20].0 - log.claims[0].0;
    assert!(took > secs(20), "{took:?}");
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_claim_ends_the_worker_after_its_actions() {
    for status in [400, 401, 403, 404] {
        let server = Server::new();
        server.offer("wait", |_| {});
        let running = start(&server, |worker| worker.drain_timeout(secs(7)));
        server.until(|log| log.claims.len() >= 2).await;
        // The poll in flight ends empty; the next one is refused.
        server.answer_claims([Answer::Error(status, None)]);
        let ended = running.ended.await.unwrap();
        let Err(WorkerError::Refused(error)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(error.status(), Some(status));
        let report = server.report().await.report;
        assert_eq!(report.error_type.as_deref(), Some("worker_shutdown"));
    }
}
