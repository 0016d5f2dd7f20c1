//! Two servers over one database.

use std::time::{Duration, Instant};

use mobius_test_support::TestDatabase;
use mobius_types::{JobClaim, JobClaimRequest, JobCompleteRequest, JobOutcome};
use mobius_worker_sdk::Client;
use rustix::process::Signal;

use crate::harness::{Deployment, History, Load, completed, json_step, parked, start};

/// How long a job may take to reach a claim that is parked on the other server. Without the
/// doorbell it is found by the look of the next second.
const RING: Duration = Duration::from_millis(200);

/// One in ten may be late, for the machine may be busy.
const ROUNDS: usize = 20;

/// Parks a claim and returns what it gets, with the instant at which it got it.
async fn park(client: &Client, worker: &str) -> tokio::task::JoinHandle<(JobClaim, Instant)> {
    let request = JobClaimRequest {
        worker_id: worker.to_owned(),
        wait_seconds: Some(20),
        ..JobClaimRequest::default()
    };
    let poller = client.clone();
    let poll = tokio::spawn(async move {
        let claimed = poller.claim_job(&request).await.unwrap();
        (claimed.unwrap(), Instant::now())
    });
    parked(client, worker).await;
    poll
}

async fn complete(client: &Client, job: &JobClaim, worker: &str) {
    let report = JobCompleteRequest {
        worker_id: worker.to_owned(),
        attempt: job.attempt,
        status: JobOutcome::Completed,
        result_b64: None,
        error_type: None,
        error_message: None,
    };
    client.complete_job(job.job_id, &report).await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_started_on_one_reaches_a_claim_that_is_parked_on_the_other() {
    let database = TestDatabase::create().await;
    let deployment = Deployment::over(database.url()).await;
    let (one, other) = (deployment.server(&[]).await, deployment.server(&[]).await);
    let (here, there) = (one.client(), other.client());
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        let worker = format!("parked-{round}");
        let poll = park(&there, &worker).await;
        let run = start(&here, json_step()).await;
        let acknowledged_at = Instant::now();
        let (job, claimed_at) = poll.await.unwrap();
        assert_eq!(job.run_id, run);
        delays.push(claimed_at.saturating_duration_since(acknowledged_at));
        complete(&here, &job, &worker).await;
    }
    let in_time = delays.iter().filter(|delay| **delay < RING).count();
    assert!(in_time >= ROUNDS * 9 / 10, "{delays:?}");
    database.settles().await;
}

#[tokio::test]
async fn a_server_that_is_killed_loses_no_acknowledged_run() {
    let terms = [
        ("MOBIUS_LEASE_SECONDS", "3"),
        ("MOBIUS_HEARTBEAT_SECONDS", "1"),
    ];
    let database = TestDatabase::create().await;
    let deployment = Deployment::over(database.url()).await;
    let mut doomed = deployment.server(&terms).await;
    let survivor = deployment.server(&terms).await;
    // A worker of the killed server is cut off with the jobs that it holds.
    let mut cut_off = doomed.worker(4).await;
    let _worker = survivor.worker(4).await;
    let clients = [doomed.client(), survivor.client()];
    let mut load = Load::begin([clients.clone(), clients].concat());
    load.goes_on(100).await;
    doomed.process.signal(Signal::KILL);
    doomed.process.ended().await;
    load.goes_on(100).await;

    let acknowledged = load.end().await;
    database.settles().await;
    for run in acknowledged {
        completed(&survivor.client(), run).await;
    }
    assert!(cut_off.is_running(), "it waits for its server");
}
