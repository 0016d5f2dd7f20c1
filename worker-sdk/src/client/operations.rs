//! Calls that operate runs: cancel, resume, retry, signal, one at a time and many at once.

use mobius_types::{
    BulkRetryRequest, BulkRunRequest, BulkRunResult, JsonObject, RetryPoint, RetryRunRequest,
    RunId, RunSignal, SendRunSignalRequest, WorkflowRun,
};
use reqwest::Method;

use super::{Call, Client, ClientError};

impl Client {
    /// Asks for a run to end. It has ended once its status says so; one that had ended before stays
    /// as it is.
    ///
    /// # Errors
    /// 404 if there is no such run in the project.
    pub async fn cancel_run(&self, id: RunId) -> Result<(), ClientError> {
        let call = self.run_call(id, "cancellations")?;
        call.acknowledged(self).await
    }

    /// Ends every pause of a run.
    ///
    /// # Errors
    /// 404 if there is no such run in the project, 409 if it is not paused.
    pub async fn resume_run(&self, id: RunId) -> Result<(), ClientError> {
        let call = self.run_call(id, "resumptions")?;
        call.acknowledged(self).await
    }

    /// Lets a run that has failed or was cancelled go on as its next attempt; returns it as it is
    /// then.
    ///
    /// # Errors
    /// 404 if there is no such run in the project, 409 if it has not failed.
    pub async fn retry_run(&self, id: RunId, from: RetryPoint) -> Result<WorkflowRun, ClientError> {
        let request = RetryRunRequest { from: Some(from) };
        let call = self.run_call(id, "retries")?;
        call.body(&request).json(self).await
    }

    /// Sends a signal to a run. It is consumed once, now or when a branch waits for its name. After
    /// an error that leaves open whether it was stored, a second call may send a second one.
    ///
    /// # Errors
    /// 404 if there is no such run in the project, 409 if it has ended.
    pub async fn signal_run(
        &self,
        id: RunId,
        name: &str,
        payload: JsonObject,
    ) -> Result<RunSignal, ClientError> {
        let request = SendRunSignalRequest {
            name: name.to_owned(),
            payload: Some(payload),
        };
        let call = self.run_call(id, "signals")?;
        call.body(&request).json(self).await
    }

    /// Cancels many runs. Each succeeds or fails on its own, which is no error of the call.
    ///
    /// # Errors
    /// 400 unless the request has either at most 1,000 ids or a filter.
    pub async fn cancel_runs(
        &self,
        request: &BulkRunRequest,
    ) -> Result<BulkRunResult, ClientError> {
        let call = self.project_call(Method::POST, &["runs", "cancellations"])?;
        call.body(request).json(self).await
    }

    /// Retries many runs. Each succeeds or fails on its own, which is no error of the call.
    ///
    /// # Errors
    /// 400 unless the request has either at most 1,000 ids or a filter.
    pub async fn retry_runs(
        &self,
        request: &BulkRetryRequest,
    ) -> Result<BulkRunResult, ClientError> {
        let call = self.project_call(Method::POST, &["runs", "retries"])?;
        call.body(request).json(self).await
    }

    fn run_call(&self, id: RunId, operation: &str) -> Result<Call, ClientError> {
        self.project_call(Method::POST, &["runs", &id.to_string(), operation])
    }
}
