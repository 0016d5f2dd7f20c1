//! A worker that is asked to stop in the middle of a job.

use mobius_types::{JobStatus, WorkflowRunStatus};
use rustix::process::Signal;

use super::{is_held_by, server};
use crate::harness::{History, nap, start, the_job};

#[tokio::test]
async fn a_worker_finishes_its_job_before_it_ends() {
    let (database, server) = server().await;
    let client = server.client();
    let mut worker = server.worker(1).await;
    let run = start(&client, nap("1500ms")).await;
    the_job(&client, run, |job| is_held_by(job, &worker)).await;
    worker.signal(Signal::TERM);
    worker.ended().await.succeeded();
    // Its end comes after its report, so there is nothing to wait for.
    let run = client.get_run(run).await.unwrap();
    assert_eq!(run.run.status, WorkflowRunStatus::Completed);
    assert_eq!(run.jobs[0].status, JobStatus::Completed);
    assert_eq!(run.jobs[0].attempt, 1);
    database.settles().await;
}
