//! Calls about runs.

use mobius_types::{RunId, StartRunRequest, WorkflowRun, WorkflowRunDetail};
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
}
