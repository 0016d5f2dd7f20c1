//! Calls about jobs: claim, heartbeat, emit, complete; one at a time and many at once.

use mobius_types::{
    JobBatchClaim, JobBatchClaimRequest, JobBatchCompleteRequest, JobBatchHeartbeatRequest,
    JobBatchResponse, JobClaim, JobClaimRequest, JobCompleteRequest, JobEventsRequest,
    JobFenceRequest, JobHeartbeat, JobId,
};
use reqwest::Method;

use super::{Call, Client, ClientError};

impl Client {
    /// Waits for one job, at most as long as the request says; `None` if none came.
    ///
    /// # Errors
    /// If the call fails. A job that was handed out in a lost answer returns with its lease.
    pub async fn claim_job(
        &self,
        request: &JobClaimRequest,
    ) -> Result<Option<JobClaim>, ClientError> {
        let call = self.jobs_call(&["claim"]).wait(request.wait_seconds);
        call.body(request).json_or_empty(self).await
    }

    /// Waits for jobs and takes up to `max_jobs` of those there are; empty if none came.
    ///
    /// # Errors
    /// If the call fails. Jobs that were handed out in a lost answer return with their leases.
    pub async fn claim_jobs(
        &self,
        request: &JobBatchClaimRequest,
    ) -> Result<JobBatchClaim, ClientError> {
        let call = self.jobs_call(&["claims"]).wait(request.claim.wait_seconds);
        call.body(request).json(self).await
    }

    /// Renews the lease of one job.
    ///
    /// # Errors
    /// 409 if the lease is no longer the caller's.
    pub async fn heartbeat_job(
        &self,
        job_id: JobId,
        fence: &JobFenceRequest,
    ) -> Result<JobHeartbeat, ClientError> {
        let call = self.jobs_call(&[&job_id.to_string(), "heartbeat"]);
        call.body(fence).json(self).await
    }

    /// Renews the leases of several jobs; each item has its own status.
    ///
    /// # Errors
    /// If the call as a whole fails.
    pub async fn heartbeat_jobs(
        &self,
        request: &JobBatchHeartbeatRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        let call = self.jobs_call(&["heartbeats"]);
        call.body(request).json(self).await
    }

    /// Adds events to the history of a claimed job's run: all of them, or none. Repeating the call
    /// adds them again.
    ///
    /// # Errors
    /// 409 if the lease is no longer the caller's, 413 and 429 for too much at a time.
    pub async fn emit_job_events(
        &self,
        job_id: JobId,
        request: &JobEventsRequest,
    ) -> Result<(), ClientError> {
        let call = self.jobs_call(&[&job_id.to_string(), "events"]);
        call.body(request).acknowledged(self).await
    }

    /// Reports how an attempt ended. Repeating the same report is safe.
    ///
    /// # Errors
    /// 409 if the lease is no longer the caller's, or the job has ended otherwise.
    pub async fn complete_job(
        &self,
        job_id: JobId,
        report: &JobCompleteRequest,
    ) -> Result<(), ClientError> {
        let call = self.jobs_call(&[&job_id.to_string(), "complete"]);
        call.body(report).acknowledged(self).await
    }

    /// Reports how several attempts ended; each item has its own status.
    ///
    /// # Errors
    /// If the call as a whole fails.
    pub async fn complete_jobs(
        &self,
        request: &JobBatchCompleteRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        let call = self.jobs_call(&["completions"]);
        call.body(request).json(self).await
    }

    /// Jobs can be called without a project, for then the key says which.
    fn jobs_call(&self, path: &[&str]) -> Call {
        let path = [&["jobs"], path].concat();
        self.project_call(Method::POST, &path)
            .unwrap_or_else(|_| self.call(Method::POST, &path))
    }
}
