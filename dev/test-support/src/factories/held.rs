//! A claimed job, and what its worker can say about it.

use mobius_store::jobs::{ClaimedJob, Ending, Fence, Outcome, Settlement};
use serde_json::Value;

/// A job with its lease.
#[derive(Debug, Clone)]
pub struct Held {
    /// The job as the worker got it.
    pub job: ClaimedJob,
    /// The fence of its lease.
    pub fence: Fence,
}

impl Held {
    /// The worker's report that the action succeeded.
    pub fn completed(&self, result: &Value) -> Settlement {
        self.reported(Outcome::Completed {
            result: Some(result.to_string().into_bytes()),
        })
    }

    /// The worker's report that the action failed with this class of error.
    pub fn failed(&self, error_type: &str) -> Settlement {
        self.reported(Outcome::Failed {
            error_type: Some(error_type.to_owned()),
            message: Some("as the test wants it".to_owned()),
        })
    }

    /// The scheduler's finding that the lease has expired.
    pub fn expired(&self) -> Settlement {
        self.ended(Ending::LeaseExpired {
            attempt: self.fence.attempt,
        })
    }

    /// The scheduler's finding that the attempt took too long.
    pub fn timed_out(&self) -> Settlement {
        self.ended(Ending::TimedOut {
            attempt: self.fence.attempt,
        })
    }

    fn reported(&self, outcome: Outcome) -> Settlement {
        self.ended(Ending::Reported {
            fence: self.fence.clone(),
            outcome,
        })
    }

    fn ended(&self, ending: Ending) -> Settlement {
        Settlement {
            job: self.fence.job,
            ending,
        }
    }
}
