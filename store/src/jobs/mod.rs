//! Jobs: inserted with the run's progress, claimed, kept alive, read. Their ends are dealt with in
//! `advance`, because they move runs.

mod action_log;
mod claim;
mod due;
mod explain;
mod fence;
mod heartbeat;
mod insert;
mod marks;
mod read;
mod release;

pub use crate::advance::{Ending, Outcome, Settlement};
pub use action_log::action_log;
pub use claim::{ClaimFilter, ClaimSlot, Claimed, ClaimedJob, claim};
pub(crate) use claim::{Round, Row as ClaimRow, projects_with_claimable_jobs};
pub use due::{Overdue, expired_leases, postpone, spent_attempts};
pub use explain::explain;
pub use fence::check_fence;
pub use heartbeat::Heartbeat;
pub(crate) use heartbeat::{heartbeat_alone, heartbeat_batch};
pub(crate) use insert::{JobRow, insert_jobs, push_claimed, push_new};
pub(crate) use marks::Marks;
pub use marks::{LaneMarks, Mark};
pub(crate) use read::newest_of_run;
pub use read::of_run;
pub use release::release;

use std::time::Duration;

use mobius_types::{JobId, UserId};

/// Which claim of a job a call speaks for.
#[derive(Debug, Clone)]
pub struct Fence {
    /// The job.
    pub job: JobId,
    /// The worker that claimed it.
    pub worker: String,
    /// The attempt that it got.
    pub attempt: i32,
    /// The actor of the credential that it used.
    pub actor: UserId,
}

/// How long leases hold, and how often workers should renew them.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTerms {
    /// How long a lease holds after the claim and after each heartbeat.
    pub lease: Duration,
    /// How often workers are asked for a heartbeat.
    pub heartbeat: Duration,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(90),
            heartbeat: Duration::from_secs(30),
        }
    }
}
