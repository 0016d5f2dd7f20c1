//! A worker that is killed in the middle of a job.

use rustix::process::Signal;

use super::{LOST_ATTEMPTS, is_held_by, server, was_claimed_by};
use crate::harness::{History, completed, nap, start, the_job};

#[tokio::test]
async fn another_worker_runs_the_job_of_a_killed_one() {
    let (database, server) = server().await;
    let client = server.client();
    let mut first = server.worker(1).await;
    let run = start(&client, nap("1500ms")).await;
    let held = the_job(&client, run, |job| is_held_by(job, &first)).await;
    assert_eq!(held.attempt, 1);
    first.signal(Signal::KILL);
    first.ended().await;
    let second = server.worker(1).await;

    completed(&client, run).await;
    let job = the_job(&client, run, |_| true).await;
    assert_eq!(job.id, held.id);
    assert_eq!(job.attempt, 2);
    assert!(was_claimed_by(&job, &second), "{job:?}");
    let last_error = job.last_error.unwrap_or_default();
    assert!(last_error.contains("lease"), "{last_error}");
    assert_eq!(database.number(LOST_ATTEMPTS).await, 1);
    database.settles().await;
}
