//! Calls about workflow definitions.

use mobius_types::{
    CreateWorkflowRequest, UpdateWorkflowRequest, WorkflowDefinition,
    WorkflowDefinitionListResponse, WorkflowId,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// Saves a workflow as version 1.
    ///
    /// # Errors
    /// 400 if the spec is wrong, 409 if the name or handle is taken.
    pub async fn create_workflow(
        &self,
        request: &CreateWorkflowRequest,
    ) -> Result<WorkflowDefinition, ClientError> {
        let call = self.project_call(Method::POST, &["workflows"])?;
        call.body(request).json(self).await
    }

    /// A workflow with its newest spec.
    ///
    /// # Errors
    /// 404 if there is no such workflow in the project.
    pub async fn get_workflow(&self, id: WorkflowId) -> Result<WorkflowDefinition, ClientError> {
        let call = self.project_call(Method::GET, &["workflows", &id.to_string()])?;
        call.json(self).await
    }

    /// Changes a workflow; a new spec makes a new version.
    ///
    /// # Errors
    /// 400 if the spec is wrong, 404 if there is no such workflow.
    pub async fn update_workflow(
        &self,
        id: WorkflowId,
        request: &UpdateWorkflowRequest,
    ) -> Result<WorkflowDefinition, ClientError> {
        let call = self.project_call(Method::PATCH, &["workflows", &id.to_string()])?;
        call.body(request).json(self).await
    }

    /// One page of the workflows, newest first, without their specs; the first page without a
    /// cursor.
    ///
    /// # Errors
    /// 400 if the cursor is not one that an earlier page gave.
    pub async fn list_workflows(
        &self,
        cursor: Option<&str>,
    ) -> Result<WorkflowDefinitionListResponse, ClientError> {
        let call = self.project_call(Method::GET, &["workflows"])?;
        call.query("cursor", cursor).json(self).await
    }
}
