//! The claim loop: free slots become claims, claims become running actions.
//!
//! One long poll at a time asks for as many jobs as there are free slots. It judges claim errors:
//! what may pass is waited for, what can't is given back to end the worker.

use std::{sync::Arc, time::Duration};

use mobius_types::{JobBatchClaim, JobClaim};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{api::JobApi, execute, heartbeat::beat, held::HeldJob, session::Session};
use crate::{ClientError, reconnect::Reconnect};

/// The most jobs that one request may ask for.
const MAX_JOBS: usize = 100;

/// How long a poll that is in flight at shutdown may still answer. What it brings is run; after
/// that the connection is closed, which the server takes as "nobody is there".
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Claims until told to stop.
pub(crate) async fn run<J: JobApi>(
    session: &Arc<Session<J>>,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let mut reconnect = Reconnect::new();
    while let Some(slots) = free_slots(session, stop).await {
        let asked_at = Instant::now();
        let Some(answer) = poll(session, slots.num_permits(), stop).await else {
            break;
        };
        let delay = match answer {
            Ok(claim) if came_too_early(session, &claim, asked_at) => reconnect.delay(),
            Ok(claim) => {
                reconnect.succeeded();
                admit(session, claim.items, asked_at, slots).await;
                continue;
            }
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                let delay = reconnect.delay_after(&error);
                tracing::warn!(%error, ?delay, "claiming failed");
                delay
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Waits for a free slot and takes all that are free; `None` when told to stop.
async fn free_slots<J>(
    session: &Session<J>,
    stop: &CancellationToken,
) -> Option<OwnedSemaphorePermit> {
    let first = Arc::clone(&session.slots).acquire_owned();
    let mut slots = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        slot = first => slot.expect("the semaphore is never closed"),
    };
    let more = session.slots.available_permits().min(MAX_JOBS - 1);
    let more = u32::try_from(more).expect("at most 99");
    if let Ok(more) = Arc::clone(&session.slots).try_acquire_many_owned(more) {
        slots.merge(more);
    }
    Some(slots)
}

/// One claim; `None` when told to stop and nothing came in time.
async fn poll<J: JobApi>(
    session: &Session<J>,
    max_jobs: usize,
    stop: &CancellationToken,
) -> Option<Result<JobBatchClaim, ClientError>> {
    let request = session.settings.claim_request(max_jobs);
    let call = session.api.claim(&request);
    tokio::pin!(call);
    tokio::select! {
        answer = &mut call => Some(answer),
        () = stop.cancelled() => timeout(LAST_ANSWER, call).await.ok(),
    }
}

/// An empty answer comes at the end of the window. One that comes at once (a server that shuts
/// down, a proxy) must not turn the loop into a storm.
fn came_too_early<J>(session: &Session<J>, claim: &JobBatchClaim, asked_at: Instant) -> bool {
    claim.items.is_empty() && asked_at.elapsed() < session.settings.poll_wait / 4
}

/// Whether asking again with the same credential and the same request is pointless.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Api { status, .. } => {
            matches!(status, 400 | 401 | 403 | 404 | 405 | 413 | 422)
        }
        ClientError::NoProject => true,
        ClientError::Network(_) | ClientError::Timeout(_) | ClientError::Decode(_) => false,
    }
}

/// Starts the actions of claimed jobs.
async fn admit<J: JobApi>(
    session: &Arc<Session<J>>,
    claims: Vec<JobClaim>,
    asked_at: Instant,
    mut slots: OwnedSemaphorePermit,
) {
    let mut jobs: Vec<_> = claims
        .into_iter()
        .map(|claim| (Arc::new(HeldJob::new(&claim, asked_at)), claim))
        .collect();
    confirm(session, &jobs).await;
    jobs.retain(|(job, claim)| {
        let late = job.must_stop();
        if late {
            tracing::warn!(job_id = %claim.job_id, "the lease could not be confirmed in time");
        }
        !late
    });
    for (job, claim) in jobs {
        session.held.add(Arc::clone(&job));
        // A server that sends more than was asked for gets it run all the same.
        let slot = slots.split(1);
        let session = Arc::clone(session);
        let task = execute::run(Arc::clone(&session), job, claim, slot);
        session.running.spawn(task);
    }
}

/// A lease that may have begun long before the answer came is renewed before the action starts,
/// for only then is it known how long it holds.
async fn confirm<J: JobApi>(session: &Arc<Session<J>>, jobs: &[(Arc<HeldJob>, JobClaim)]) {
    let tight = jobs.iter().filter(|(job, _)| job.is_tight());
    let tight: Vec<_> = tight.map(|(job, _)| Arc::clone(job)).collect();
    if !tight.is_empty()
        && let Err(error) = beat(session, &tight).await
    {
        tracing::warn!(%error, "confirming leases failed");
    }
}
