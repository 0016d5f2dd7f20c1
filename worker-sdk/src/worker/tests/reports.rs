//! Reports: batches, repetition, and what is given up.

use mobius_types::JobOutcome;
use tokio::sync::mpsc;

use super::{
    server::{Answer, Server},
    *,
};

#[tokio::test(start_paused = true)]
async fn a_report_is_repeated_until_it_is_acknowledged() {
    let server = Server::new();
    server.answer_reports([
        Answer::Unreachable,
        Answer::Lost,
        Answer::Error(503, Some(2)),
        Answer::Error(500, None),
        Answer::Items(503),
    ]);
    let job = server.offer("echo", |_| {});
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.completions.len() >= 6).await;
    for (_, request) in &log.completions {
        assert_eq!(request.items.len(), 1);
        assert_eq!(request.items[0].job_id, job.to_string());
    }
    assert!(log.completions[3].0 - log.completions[2].0 >= secs(2));
    running.stopped().await.unwrap();
    assert_eq!(
        server.log().completions.len(),
        6,
        "an acknowledged report is not repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_beats_until_its_report_is_acknowledged() {
    let server = Server::new();
    server.answer_reports(vec![Answer::Lost; 5]);
    server.offer("echo", |_| {});
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.completions.len() >= 6).await;
    let took = log.completions[5].0 - log.completions[0].0;
    assert!(took > secs(180), "two leases long: {took:?}");
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_that_comes_too_late_is_dropped() {
    for status in [404, 409] {
        let server = Server::new();
        server.answer_reports([Answer::Items(status)]);
        server.offer("echo", |_| {});
        let running = start(&server, |worker| worker);
        server.report().await;
        running.stopped().await.unwrap();
        assert_eq!(server.log().completions.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_is_given_up_when_its_lease_can_not_have_held() {
    let server = Server::new();
    server.answer_reports(vec![Answer::Unreachable; 1_000]);
    server.answer_heartbeats([Answer::Unreachable]);
    server.offer("echo", |_| {});
    let running = start(&server, |worker| worker);
    let log = server.until(|log| log.claims.len() >= 6).await;
    let first = log.completions[0].0;
    let last = log.completions.last().unwrap().0;
    assert!(
        last - first > secs(80) && last - first <= secs(90),
        "{:?}",
        last - first
    );
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reports_that_arrive_during_a_request_form_the_next_batch() {
    let server = Server::new();
    server.answer_reports([Answer::Lost]);
    for _ in 0..5 {
        server.offer("echo", |_| {});
    }
    let running = start(&server, |worker| worker.concurrency(1));
    let log = server.until(|log| log.completions.len() >= 2).await;
    assert_eq!(log.completions[0].1.items.len(), 1);
    assert!(
        log.completions[1].1.items.len() > 1,
        "{}",
        log.completions[1].1.items.len()
    );
    server.until(|log| reported(log) >= 6).await;
    running.stopped().await.unwrap();
}

/// How many items were reported, with the one that was repeated.
fn reported(log: &super::server::Log) -> usize {
    let requests = log.completions.iter();
    requests.map(|(_, request)| request.items.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_items_and_in_bytes() {
    let server = Server::new();
    let (go, _) = tokio::sync::broadcast::channel::<()>(1);
    for _ in 0..150 {
        server.offer("small", |_| {});
    }
    let started = Arc::new(tokio::sync::Barrier::new(151));
    let (sender, barrier) = (go.clone(), Arc::clone(&started));
    let running = start(&server, |worker| {
        worker
            .concurrency(150)
            .action("small", move |_: Context, _: JsonObject| {
                let (mut go, barrier) = (sender.subscribe(), Arc::clone(&barrier));
                async move {
                    barrier.wait().await;
                    go.recv().await.map(|()| "x".repeat(40_000))
                }
            })
    });
    started.wait().await;
    go.send(()).unwrap();
    let log = server.until(|log| reported(log) >= 150).await;
    for (_, request) in &log.completions {
        let size = serde_json::to_vec(request).unwrap().len();
        assert!(request.items.len() <= 100 && size <= 4_400_000, "{size}");
    }
    assert!(log.completions.len() < 10, "{}", log.completions.len());
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_bad_report_does_not_spoil_the_others_of_its_batch() {
    let server = Server::new();
    server.answer_reports([Answer::Lost, Answer::Error(400, None)]);
    for _ in 0..4 {
        server.offer("echo", |_| {});
    }
    let running = start(&server, |worker| worker.concurrency(1));
    let log = server.until(|log| log.completions.len() >= 4).await;
    let together = log.completions[1].1.items.len();
    assert!(together > 1);
    let log = server
        .until(|log| log.completions.len() >= 2 + together)
        .await;
    for (_, request) in &log.completions[2..2 + together] {
        assert_eq!(request.items.len(), 1);
        assert_eq!(request.items[0].report.status, JobOutcome::Completed);
    }
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_result_becomes_a_fatal_failure() {
    for refusal in [Answer::Items(400), Answer::Error(413, None)] {
        let server = Server::new();
        server.answer_reports([refusal]);
        server.offer("echo", |_| {});
        let running = start(&server, |worker| worker);
        assert_eq!(server.report().await.report.status, JobOutcome::Completed);
        let report = server.report().await.report;
        assert_eq!(report.status, JobOutcome::Failed);
        assert_eq!(report.error_type.as_deref(), Some("fatal_error"));
        running.stopped().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_failure_is_the_end() {
    let server = Server::new();
    server.answer_reports([Answer::Items(400), Answer::Items(400)]);
    server.offer("echo", |_| {});
    let running = start(&server, |worker| worker);
    server.report().await;
    server.report().await;
    running.stopped().await.unwrap();
    assert_eq!(server.log().completions.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn wrong_parameters_fail_for_good_and_name_the_field() {
    #[derive(serde::Deserialize)]
    struct Typed {
        count: u8,
    }
    let server = Server::new();
    server.offer("typed", |claim| {
        claim.parameters = object(json!({"count": 256}));
    });
    let (calls, mut called) = mpsc::unbounded_channel();
    let running = start(&server, |worker| {
        worker.action("typed", move |_: Context, typed: Typed| {
            calls.send(typed.count).unwrap();
            async { Ok::<_, ActionError>(()) }
        })
    });
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("fatal_error"));
    let message = report.error_message.unwrap();
    assert!(message.starts_with("parameter `count`:"), "{message}");
    assert!(called.try_recv().is_err(), "the action was not called");
    running.stopped().await.unwrap();
}
