//! Actions in short form.

use mobius_engine::{Action, JobRef};
use serde_json::Value;

pub(crate) fn show(action: &Action) -> String {
    match action {
        Action::EnqueueJob(new) => format!(
            "enqueue {} at {} (attempts {}, timeout {:?}){}",
            id(&new.job),
            new.step,
            new.max_attempts,
            new.timeout,
            if new.server { " for the server" } else { "" },
        ),
        Action::FanOut(new) => format!(
            "fan out {} at {} ({} items, concurrency {:?}, failures {})",
            id(&new.job),
            new.step,
            new.items,
            new.max_concurrency,
            new.max_failures,
        ),
        Action::RestartFanOut { job } => format!("restart fan-out {}", id(job)),
        Action::StopFanOut { job } => format!("stop fan-out {}", id(job)),
        Action::StartTimer { job, fires_at } => {
            format!("start timer {} at {}s", id(job), fires_at.timestamp())
        }
        Action::StopTimer { job } => format!("stop timer {}", id(job)),
        Action::ConsumeSignal { job, .. } => format!("consume signal {}", id(job)),
        Action::OpenInteraction(new) => format!("ask {} ({})", id(&new.job), new.config.message),
        Action::CloseInteraction { job } => format!("close question {}", id(job)),
        Action::CompleteJob { job } => format!("complete {}", id(job)),
        Action::RetryJob {
            job,
            progress,
            delay,
            timeout,
            max_attempts,
            error,
        } => format!(
            "retry {} after {delay:?} (policy {:?}, retries {}, attempts {max_attempts}, \
             timeout {timeout:?}, {})",
            id(job),
            progress.policy,
            progress.retries,
            error.kind
        ),
        Action::RescueJob { job } => format!("rescue {}", id(job)),
        Action::FailJob { job, error } => format!("fail {} ({})", id(job), error.kind),
        Action::StopJobs => "stop jobs".to_owned(),
        Action::CompleteRun { result } => {
            format!("complete run {}", Value::Object(result.clone()))
        }
        Action::FailRun { error } => format!("fail run: {}", error.message),
    }
}

pub(crate) fn id(job: &JobRef) -> String {
    format!("{}#{}", job.branch, job.visit)
}
