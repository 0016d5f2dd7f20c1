//! One attempt from claim to report: runs the action, asks it to stop, drops it if it does not.
//!
//! Nothing is reported for a lease that was lost: the attempt is not ours to judge any more.

use std::{any::Any, sync::Arc, time::Duration};

use mobius_types::{JobBatchCompleteItem, JobClaim};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep, timeout_at},
};
use tracing::Instrument;

use super::{
    api::JobApi,
    held::HeldJob,
    outcome::{self, Ended},
    report::Report,
    session::Session,
};
use crate::{
    ActionError, CancelReason,
    context::Context,
    emit::{self, Emitter},
};

/// How long an action may take to stop in good order.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The control plane ends an attempt that takes too long; this much later the action is told.
const TIMEOUT_COURTESY: Duration = Duration::from_secs(1);

/// Runs one attempt and hands in its report. The slot is free once the report is handed in.
pub(crate) async fn run<J: JobApi>(
    session: Arc<Session<J>>,
    job: Arc<HeldJob>,
    claim: JobClaim,
    slot: Option<OwnedSemaphorePermit>,
) {
    let span = tracing::info_span!(
        "job", id = %claim.job_id, action = claim.action, attempt = claim.attempt
    );
    let timeout = claim.timeout_ms.and_then(|ms| u64::try_from(ms).ok());
    let timeout = timeout.map(|ms| Duration::from_millis(ms) + TIMEOUT_COURTESY);
    let action = start(&session, &job, claim).instrument(span.clone());
    let ended = supervise(&job, tokio::spawn(action), timeout).await;
    let stopped_for = job.cancellation.reason();
    if job.is_over() || stopped_for == Some(CancelReason::LeaseLost) {
        span.in_scope(|| tracing::warn!("the lease was lost; nothing is reported"));
        session.held.remove(&job);
        return;
    }
    let fence = session.settings.fence(&job);
    let item = JobBatchCompleteItem {
        job_id: job.job_id.to_string(),
        report: outcome::report(fence, ended, stopped_for),
    };
    // The other side ends only with the worker, and then nobody waits for a report.
    let _ = session.reports.send(Report { job, item }).await;
    drop(slot);
}

/// The action as a future of its own: to be spawned, so that a panic ends it alone.
fn start<J: JobApi>(
    session: &Session<J>,
    job: &HeldJob,
    claim: JobClaim,
) -> impl Future<Output = Result<Vec<u8>, ActionError>> + Send + 'static {
    let handler = session.settings.actions.get(&claim.action).cloned();
    let states = Arc::clone(&session.settings.states);
    let ctx = Context::new(
        &claim,
        states,
        job.cancellation.clone(),
        emitter(session, job),
    );
    async move {
        match handler {
            Some(handler) => handler(ctx, claim.parameters).await,
            None => Err(ActionError::fatal(format!(
                "this worker has no action named {:?}",
                claim.action
            ))),
        }
    }
}

/// What sends the events of this attempt.
fn emitter<J: JobApi>(session: &Session<J>, job: &HeldJob) -> Emitter {
    let (api, fence, job) = (
        Arc::clone(&session.api),
        session.settings.fence(job),
        job.job_id,
    );
    Emitter::new(move |event| {
        let request = emit::request(fence.worker_id.clone(), fence.attempt, event);
        let api = Arc::clone(&api);
        async move { api.emit(job, &request).await }
    })
}

/// Waits for the action's end, and brings it about when it is time.
async fn supervise(
    job: &HeldJob,
    action: JoinHandle<Result<Vec<u8>, ActionError>>,
    timeout: Option<Duration>,
) -> Ended {
    let mut action = AbortOnDrop(action);
    tokio::select! {
        biased;
        joined = &mut action.0 => return ended(joined),
        () = until_told_to_stop(job, timeout) => {}
    }
    // Never beyond the lease: by then another worker may have started.
    let drop_at = (Instant::now() + GRACE).min(job.ends_at().max(Instant::now()));
    match timeout_at(drop_at, &mut action.0).await {
        Ok(joined) => ended(joined),
        Err(_) => Ended::Dropped,
    }
}

/// Waits until somebody wants the action to stop, and tells it.
async fn until_told_to_stop(job: &HeldJob, timeout: Option<Duration>) {
    let out_of_time = async {
        match timeout {
            Some(timeout) => sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = job.until_must_stop() => job.cancellation.cancel(CancelReason::LeaseLost),
        () = out_of_time => job.cancellation.cancel(CancelReason::TimedOut),
        _ = job.cancellation.cancelled() => {}
    }
}

/// A spawned action that ends with whoever watches it.
struct AbortOnDrop(JoinHandle<Result<Vec<u8>, ActionError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended(joined: Result<Result<Vec<u8>, ActionError>, JoinError>) -> Ended {
    match joined {
        Ok(result) => Ended::Returned(result),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Ended::Panicked(panic_message(payload.as_ref())),
            Err(_) => Ended::Dropped,
        },
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
