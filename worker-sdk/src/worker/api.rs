//! The calls that the loops and the actions make.
//!
//! A trait, so that the tests can play a control plane in virtual time, which sockets do not
//! know of. [`Client`] is the only implementation outside tests.

use std::future::Future;

use mobius_types::{
    JobBatchClaim, JobBatchClaimRequest, JobBatchCompleteRequest, JobBatchHeartbeatRequest,
    JobBatchResponse, JobEventsRequest, JobId,
};

use crate::{Client, ClientError};

/// What a worker needs of the control plane. Every call ends within a bound of its own.
pub(crate) trait JobApi: Send + Sync + 'static {
    fn claim(
        &self,
        request: &JobBatchClaimRequest,
    ) -> impl Future<Output = Result<JobBatchClaim, ClientError>> + Send;

    fn heartbeat(
        &self,
        request: &JobBatchHeartbeatRequest,
    ) -> impl Future<Output = Result<JobBatchResponse, ClientError>> + Send;

    fn complete(
        &self,
        request: &JobBatchCompleteRequest,
    ) -> impl Future<Output = Result<JobBatchResponse, ClientError>> + Send;

    fn emit(
        &self,
        job: JobId,
        request: &JobEventsRequest,
    ) -> impl Future<Output = Result<(), ClientError>> + Send;
}

impl JobApi for Client {
    async fn claim(&self, request: &JobBatchClaimRequest) -> Result<JobBatchClaim, ClientError> {
        self.claim_jobs(request).await
    }

    async fn heartbeat(
        &self,
        request: &JobBatchHeartbeatRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        self.heartbeat_jobs(request).await
    }

    async fn complete(
        &self,
        request: &JobBatchCompleteRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        self.complete_jobs(request).await
    }

    async fn emit(&self, job: JobId, request: &JobEventsRequest) -> Result<(), ClientError> {
        self.emit_job_events(job, request).await
    }
}
