//! Workers that die, freeze or stop in the middle of a job.

mod frozen;
mod killed;
mod stopped;

use mobius_test_support::TestDatabase;
use mobius_types::{Job, JobStatus};

use crate::harness::{Deployment, Process, Server};

/// The shortest terms that leave a busy machine room: a heartbeat may come a second late.
const TERMS: [(&str, &str); 2] = [
    ("MOBIUS_LEASE_SECONDS", "3"),
    ("MOBIUS_HEARTBEAT_SECONDS", "1"),
];

/// Attempts that were followed by another one because a lease ran out.
const LOST_ATTEMPTS: &str =
    "select count(*) from job_attempts where attempt = 1 and error_type = 'lease_expired'";

/// A server with short leases.
async fn server() -> (TestDatabase, Server) {
    let database = TestDatabase::create().await;
    let server = Deployment::over(database.url()).await.server(&TERMS).await;
    (database, server)
}

/// Whether the process holds the job: a worker's id names its process.
fn is_held_by(job: &Job, worker: &Process) -> bool {
    job.status == JobStatus::Claimed && was_claimed_by(job, worker)
}

fn was_claimed_by(job: &Job, worker: &Process) -> bool {
    let process = format!("-{}-", worker.id());
    let holder = job.claimed_by.as_deref().unwrap_or_default();
    holder.contains(&process)
}
