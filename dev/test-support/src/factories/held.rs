//! A claimed job, and what its worker can say about it.

use mobius_store::{
    events::{CustomEvent, Emission},
    jobs::{ClaimedJob, Ending, Fence, Outcome, Settlement},
};
use serde_json::{Value, json};

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

    /// So many events of the worker, with the numbers from `first` on as their payloads.
    pub fn events(&self, first: usize, count: usize) -> Emission {
        let event = |number: usize| CustomEvent {
            kind: "progress".to_owned(),
            payload: [("number".to_owned(), json!(number))].into_iter().collect(),
        };
        Emission {
            fence: self.fence.clone(),
            events: (first..first + count).map(event).collect(),
        }
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
