//! What operators, senders of signals and the scheduler do to a tenant's runs.

use std::time::Duration;

use mobius_store::{Error, RetryFrom, children, fan_outs, timers};
use mobius_types::{RunId, SignalId, WorkflowRunStatus};
use serde_json::Value;

use super::Tenant;

/// Who cancels in tests.
const BY: &str = "a test";

/// More rows than a test has.
const MANY: i64 = 100_000;

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
        let due = timers::due(&mut *self.connection().await, &[], 100_000).await;
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

    /// Deals with everything that was left to transactions of their own, as the scheduler does:
    /// items to be made, children to be started, and what a parent and its child mean for one
    /// another. The clock moves a little, as if the replica that began it had died.
    pub async fn catch_up(&self) {
        loop {
            let found =
                self.expand().await + self.start_children().await + self.end_children().await;
            if found == 0 {
                return;
            }
        }
    }

    /// The same for parents and their children alone, while the clock stands still.
    pub async fn catch_up_on_children(&self) {
        while self.start_children().await + self.end_children().await > 0 {}
    }

    async fn expand(&self) -> usize {
        self.advance_clock(Duration::from_secs(6)).await;
        let due = fan_outs::due(&mut *self.connection().await, &[], MANY).await;
        let due = due.expect("the database answers");
        let expanded = due
            .iter()
            .map(|fan_out| self.store.expand_fan_out(*fan_out));
        let expanded = futures_util::future::try_join_all(expanded).await;
        expanded.expect("the items of a test can be made, or fail their step");
        due.len()
    }

    async fn start_children(&self) -> usize {
        let due = children::due_starts(&mut *self.connection().await, &[], MANY).await;
        let due = due.expect("the database answers");
        let starts = due.iter().map(|start| self.store.start_child(*start));
        let started = futures_util::future::try_join_all(starts).await;
        started.expect("the children of a test can start, or fail their job");
        due.len()
    }

    async fn end_children(&self) -> usize {
        let ended = children::ended(&mut *self.connection().await, None, MANY).await;
        let ended = ended.expect("the database answers");
        let settled = ended.iter().map(|loose| self.store.end_parent_job(*loose));
        let settled = futures_util::future::try_join_all(settled).await;
        settled.expect("the parents of a test can be read");
        // What was noted a moment ago may not be due yet.
        let noted: i64 =
            sqlx::query_scalar("select count(*) from child_tasks where project_id = $1")
                .bind(self.project.as_uuid())
                .fetch_one(&mut *self.connection().await)
                .await
                .expect("the database answers");
        let orphans = children::orphans(&mut *self.connection().await, None, MANY).await;
        let orphans = orphans.expect("the database answers");
        for orphan in &orphans {
            match self.store.cancel_orphan(*orphan).await {
                Ok(()) | Err(Error::RunEnded) => {}
                Err(error) => panic!("a child can't be cancelled: {error}"),
            }
        }
        usize::try_from(noted).unwrap_or(0) + ended.len() + orphans.len()
    }

    /// Where a run stands.
    pub async fn status(&self, run: RunId) -> WorkflowRunStatus {
        self.run(run).await.run.status
    }
}
