//! What operators, senders of signals and the scheduler do to a tenant's runs.

use mobius_store::{Error, RetryFrom, timers};
use mobius_types::{RunId, SignalId, WorkflowRunStatus};
use serde_json::Value;

use super::Tenant;

/// Who cancels in tests.
const BY: &str = "a test";

impl Tenant {
    /// Sends a signal that carries one value.
    ///
    /// # Errors
    /// The store's.
    pub async fn signal(&self, run: RunId, name: &str, value: Value) -> Result<SignalId, Error> {
        let payload = [("value".to_owned(), value)].into_iter().collect();
        self.store
            .send_signal(self.project, run, name.to_owned(), payload)
            .await
    }

    /// Cancels a run.
    ///
    /// # Errors
    /// The store's.
    pub async fn cancel(&self, run: RunId) -> Result<(), Error> {
        self.store
            .cancel_run(self.project, run, BY.to_owned())
            .await
    }

    /// Resumes a run.
    ///
    /// # Errors
    /// The store's.
    pub async fn resume(&self, run: RunId) -> Result<(), Error> {
        self.store.resume_run(self.project, run).await
    }

    /// Retries a run from where it failed.
    ///
    /// # Errors
    /// The store's.
    pub async fn retry(&self, run: RunId) -> Result<(), Error> {
        self.store
            .retry_run(self.project, run, RetryFrom::Failure)
            .await
    }

    /// The timers of the project that are due.
    pub async fn due_timers(&self) -> Vec<timers::DueTimer> {
        let due = timers::due(&mut *self.connection().await, 100_000).await;
        let mut due = due.expect("the database answers");
        due.retain(|timer| timer.project == self.project);
        due
    }

    /// Fires the timers that are due, together. Returns how many there were.
    pub async fn fire_due(&self) -> usize {
        let due = self.due_timers().await;
        let count = due.len();
        let fired = due.into_iter().map(|timer| self.store.fire_timer(timer));
        futures_util::future::try_join_all(fired)
            .await
            .expect("the timers of a test can fire");
        count
    }

    /// Where a run stands.
    pub async fn status(&self, run: RunId) -> WorkflowRunStatus {
        self.run(run).await.run.status
    }
}
