//! A worker that stands still for longer than its lease, and then goes on as if nothing had been.

use mobius_types::{
    Job, JobBatchCompleteItem, JobBatchCompleteRequest, JobBatchHeartbeatItem,
    JobBatchHeartbeatRequest, JobCompleteRequest, JobFenceRequest, JobOutcome,
};
use mobius_worker_sdk::Client;
use rustix::process::Signal;

use super::{LOST_ATTEMPTS, is_held_by, server, was_claimed_by};
use crate::harness::{History, completed, nap, start, the_job};

/// Makes all calls that a worker can make about a job, as the worker that holds this lease; every
/// one must be refused.
async fn refused_everywhere(client: &Client, lease: &Job) {
    let fence = JobFenceRequest {
        worker_id: lease.claimed_by.clone().unwrap(),
        attempt: lease.attempt,
    };
    let report = JobCompleteRequest {
        worker_id: fence.worker_id.clone(),
        attempt: fence.attempt,
        status: JobOutcome::Completed,
        result_b64: None,
        error_type: None,
        error_message: None,
    };
    let job_id = lease.id.to_string();
    let beats = JobBatchHeartbeatRequest {
        items: vec![JobBatchHeartbeatItem {
            job_id: job_id.clone(),
            fence: fence.clone(),
        }],
    };
    let reports = JobBatchCompleteRequest {
        items: vec![JobBatchCompleteItem {
            job_id,
            report: report.clone(),
        }],
    };
    let beat = client.heartbeat_job(lease.id, &fence).await;
    assert_eq!(beat.unwrap_err().status(), Some(409));
    let complete = client.complete_job(lease.id, &report).await;
    assert_eq!(complete.unwrap_err().status(), Some(409));
    let beats = client.heartbeat_jobs(&beats).await.unwrap().items;
    assert_eq!((beats.len(), beats[0].status), (1, 409));
    let reports = client.complete_jobs(&reports).await.unwrap().items;
    assert_eq!((reports.len(), reports[0].status), (1, 409));
}

#[tokio::test]
async fn a_frozen_worker_loses_its_job_and_nothing_it_says_about_it_counts() {
    let (database, server) = server().await;
    let client = server.client();
    let frozen = server.worker(1).await;
    let run = start(&client, nap("1500ms")).await;
    let lost = the_job(&client, run, |job| is_held_by(job, &frozen)).await;
    frozen.signal(Signal::STOP);
    let mut other = server.worker(1).await;
    let taken = the_job(&client, run, |job| is_held_by(job, &other)).await;
    assert_eq!((lost.attempt, taken.attempt), (1, 2));
    refused_everywhere(&client, &lost).await;
    let done = completed(&client, run).await;
    refused_everywhere(&client, &lost).await;

    frozen.signal(Signal::CONT);
    other.signal(Signal::TERM);
    other.ended().await.succeeded();
    let next = start(&client, nap("1ms")).await;
    completed(&client, next).await;
    let job = the_job(&client, next, |_| true).await;
    assert!(was_claimed_by(&job, &frozen), "it works on: {job:?}");

    let now = client.get_run(run).await.unwrap();
    assert_eq!(now.run.updated_at, done.run.updated_at);
    assert_eq!(now.result_b64, done.result_b64);
    assert_eq!(database.number(LOST_ATTEMPTS).await, 1);
    database.settles().await;
}
