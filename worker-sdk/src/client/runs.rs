//! Calls about runs.

use mobius_types::{
    BulkRunFilter, RunId, StartRunRequest, WorkflowRun, WorkflowRunDetail, WorkflowRunListResponse,
    WorkflowRunStatus,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// Starts a run. After an error that leaves open whether it was accepted, a second call may
    /// start a second run.
    ///
    /// # Errors
    /// 400 if spec or inputs are wrong, 404 if there is no such workflow.
    pub async fn start_run(&self, request: &StartRunRequest) -> Result<WorkflowRun, ClientError> {
        let call = self.project_call(Method::POST, &["runs"])?;
        call.body(request).json(self).await
    }

    /// A run with its spec, its jobs and its result.
    ///
    /// # Errors
    /// 404 if there is no such run in the project.
    pub async fn get_run(&self, id: RunId) -> Result<WorkflowRunDetail, ClientError> {
        let call = self.project_call(Method::GET, &["runs", &id.to_string()])?;
        call.json(self).await
    }

    /// A page of runs, newest first; `cursor` is `next_cursor` of the page before.
    ///
    /// # Errors
    /// 400 if the limit is out of bounds or the cursor is not one of this list.
    pub async fn list_runs(
        &self,
        filter: &BulkRunFilter,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<WorkflowRunListResponse, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let call = self
            .project_call(Method::GET, &["runs"])?
            .query("status", filter.status.map(WorkflowRunStatus::as_str))
            .query("workflow_type", filter.workflow_type.as_deref())
            .query("queue", filter.queue.as_deref())
            .query("parent_run_id", filter.parent_run_id.as_deref())
            .query("initiated_by", filter.initiated_by.as_deref())
            .query("external_id", filter.external_id.as_deref())
            .query("limit", limit.as_deref())
            .query("cursor", cursor);
        call.json(self).await
    }
}
