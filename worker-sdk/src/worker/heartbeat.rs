//! The heartbeat loop: one for all jobs that the worker holds, batched.
//!
//! It renews leases and passes on what the control plane asks for. It does not stop an action
//! whose lease runs out: each job watches its own lease, so a heartbeat that hangs harms nothing.

use std::{sync::Arc, time::Duration};

use mobius_types::{
    JobBatchHeartbeatItem, JobBatchHeartbeatRequest, JobBatchResult, JobHeartbeatDirectives,
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{api::JobApi, held::HeldJob, session::Session};
use crate::{CancelReason, ClientError, reconnect::Reconnect};

/// The most heartbeats in one request.
const MAX_ITEMS: usize = 100;

/// A heartbeat that takes longer than this is tried again instead.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Sends heartbeats for ever.
pub(crate) async fn run<J: JobApi>(session: Arc<Session<J>>) {
    let mut reconnect = Reconnect::new();
    loop {
        let due = session.held.due().await;
        match beat_all(&session, &due).await {
            Ok(()) => reconnect.succeeded(),
            Err(error) => {
                let delay = reconnect.delay_after(&error);
                tracing::warn!(%error, ?delay, jobs = due.len(), "heartbeats failed");
                put_off(&due, delay);
            }
        }
    }
}

/// Heartbeats for any number of jobs, in as few requests as possible, side by side.
async fn beat_all<J: JobApi>(
    session: &Arc<Session<J>>,
    jobs: &[Arc<HeldJob>],
) -> Result<(), ClientError> {
    let mut calls = JoinSet::new();
    for chunk in jobs.chunks(MAX_ITEMS) {
        let (session, chunk) = (Arc::clone(session), chunk.to_vec());
        calls.spawn(async move { beat(&session, &chunk).await });
    }
    let answers = calls.join_all().await;
    answers.into_iter().collect()
}

/// One request with the heartbeats of at most a hundred jobs.
pub(crate) async fn beat<J: JobApi>(
    session: &Session<J>,
    jobs: &[Arc<HeldJob>],
) -> Result<(), ClientError> {
    let items = jobs.iter().map(|job| JobBatchHeartbeatItem {
        job_id: job.job_id.to_string(),
        fence: session.settings.fence(job),
    });
    let request = JobBatchHeartbeatRequest {
        items: items.collect(),
    };
    let intervals = jobs.iter().map(|job| job.heartbeat_interval);
    let deadline = intervals.fold(LONGEST_CALL, Duration::min);
    let sent_at = Instant::now();
    for job in jobs {
        // Stands unless the answer renews the job: nothing unanswered may be due for ever.
        job.beat_again_at(sent_at + job.heartbeat_interval / 4);
    }
    let answer = timeout(deadline, session.api.heartbeat(&request))
        .await
        .unwrap_or(Err(ClientError::Timeout(deadline)))?;
    for (job, result) in jobs.iter().zip(answer.items) {
        settle(job, &result, sent_at);
    }
    Ok(())
}

fn settle(job: &HeldJob, result: &JobBatchResult, sent_at: Instant) {
    match result.status {
        200..=299 => {
            job.renewed(sent_at);
            if let Some(JobHeartbeatDirectives {
                should_cancel: true,
            }) = result.directives
            {
                job.cancellation.cancel(CancelReason::Cancelled);
            }
        }
        404 | 409 => job.lose(),
        status => {
            tracing::warn!(job_id = %job.job_id, status, "a heartbeat was refused");
        }
    }
}

/// All beat again after the delay, but no later than they regularly would. Those that were renewed
/// in another request of the same round beat once too often, which is harmless.
fn put_off(jobs: &[Arc<HeldJob>], delay: Duration) {
    let now = Instant::now();
    for job in jobs {
        job.beat_again_at(now + delay.min(job.heartbeat_interval));
    }
}
