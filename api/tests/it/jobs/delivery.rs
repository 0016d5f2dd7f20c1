//! Jobs reach claims that were parked before they were there: at once, each one once.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use mobius_test_support::factories::RunDraft;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use crate::harness::TestServer;

/// The look that finds what no ring told of comes once a second. What takes less than half of
/// that was not found by chance.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The value below which so many per cent lie.
fn percentile(values: &mut [Duration], per_cent: usize) -> Duration {
    values.sort_unstable();
    values[values.len() * per_cent / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_comes_while_a_claim_is_being_parked_is_not_missed() {
    let server = TestServer::start().await;
    let mut delays = Vec::new();
    for round in 0..300 {
        let poller = server.owner.clone();
        let poll = tokio::spawn(async move { poller.poll("w", 10).await });
        // A different start each time, between long before and long after the claim.
        for _ in 0..round * 31 % 97 {
            tokio::task::yield_now().await;
        }
        let run = server.owner.start().await;
        let started = Instant::now();
        let job = poll.await.unwrap().with_status(200);
        delays.push(started.elapsed());
        assert_eq!(job["run_id"], run["id"]);
        assert_eq!(job["attempt"], 1);
    }
    assert!(percentile(&mut delays, 99) < AT_ONCE, "{delays:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_jobs_goes_to_one_of_many_parked_claims() {
    let server = TestServer::start().await;
    let workers: Vec<String> = (0..100).map(|worker| format!("w{worker}")).collect();
    let mut polls = JoinSet::new();
    for worker in &workers {
        let (caller, worker) = (server.owner.clone(), worker.clone());
        polls.spawn(async move { caller.poll(&worker, 20).await.with_status(200) });
    }
    server.owner.await_parked(&workers).await;
    let mut started = HashSet::new();
    for _ in 0..10 {
        for run in server.tenant.start_many(&RunDraft::default(), 10).await {
            started.insert(run.id.to_string());
        }
    }
    let jobs = polls.join_all().await;
    let claimed: HashSet<String> = jobs
        .iter()
        .map(|job| job["run_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(claimed, started);
    assert!(jobs.iter().all(|job| job["attempt"] == 1));
    assert!(server.owner.claim("late").await.is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_batch_claim_is_answered_by_the_first_job() {
    let server = TestServer::start().await;
    let caller = server.owner.clone();
    let claims = json!({"worker_id": "w", "wait_seconds": 20, "max_jobs": 50});
    let poll =
        tokio::spawn(async move { caller.post("/projects/default/jobs/claims", &claims).await });
    server.owner.await_parked(&["w".to_owned()]).await;
    let started = Instant::now();
    server.owner.start().await;
    let items = poll.await.unwrap().with_status(200);
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
    assert!(started.elapsed() < AT_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_reaches_a_claim_that_is_parked_at_another_replica() {
    let server = TestServer::start().await;
    let other = server.another_replica().await;
    let (sender, mut claimed) = mpsc::channel(1);
    let (poller, watcher) = (other.owner.clone(), other.owner.clone());
    let polls = tokio::spawn(async move {
        let mut number = 0;
        while !sender.is_closed() {
            number += 1;
            let answer = poller.poll(&format!("w{number}"), 1).await;
            if answer.status == 200 {
                sender.send((Instant::now(), answer.json())).await.ok();
            }
        }
    });
    watcher.await_parked(&["w1".to_owned()]).await;
    let mut delays = Vec::new();
    for _ in 0..20 {
        let run = server.owner.start().await;
        let started = Instant::now();
        let (at, job) = claimed.recv().await.unwrap();
        delays.push(at.saturating_duration_since(started));
        assert_eq!(job["run_id"], run["id"]);
    }
    drop(claimed);
    polls.await.unwrap();
    assert!(
        percentile(&mut delays, 75) < Duration::from_millis(100),
        "{delays:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_retry_of_a_failed_attempt_reaches_a_parked_claim_when_its_delay_is_over() {
    let server = TestServer::start().await;
    let spec = json!({"name": "w", "steps": [{
        "name": "s", "action": "echo", "retry": [{"max_retries": 1, "base_delay": "100ms"}],
    }]});
    let run = json!({"spec": spec});
    server
        .owner
        .post("/projects/default/runs", &run)
        .await
        .with_status(202);
    let job = server.owner.claim("first").await;
    let poller = server.owner.clone();
    let poll = tokio::spawn(async move { poller.poll("second", 10).await });
    server.owner.await_parked(&["second".to_owned()]).await;
    let failed = json!({"worker_id": "first", "attempt": 1, "status": "failed"});
    let path = crate::harness::job_path(&job, "complete");
    server.owner.post(&path, &failed).await.with_status(204);
    let since = Instant::now();
    let again = poll.await.unwrap().with_status(200);
    assert_eq!(again["job_id"], job["job_id"]);
    assert_eq!(again["attempt"], 2);
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
}
