//! Calls about projects, and about the workers seen in one.

use mobius_types::{
    CreateProjectRequest, Project, ProjectListResponse, UpdateProjectRequest, WorkerListResponse,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// The projects that the key can see.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_projects(&self) -> Result<ProjectListResponse, ClientError> {
        self.call(Method::GET, &["projects"]).json(self).await
    }

    /// Makes a project.
    ///
    /// # Errors
    /// 409 if the handle is taken.
    pub async fn create_project(
        &self,
        request: &CreateProjectRequest,
    ) -> Result<Project, ClientError> {
        let call = self.call(Method::POST, &["projects"]);
        call.body(request).json(self).await
    }

    /// A project by its handle or id.
    ///
    /// # Errors
    /// 404 if there is no such project, or the key may not know of it.
    pub async fn get_project(&self, project: &str) -> Result<Project, ClientError> {
        let call = self.call(Method::GET, &["projects", project]);
        call.json(self).await
    }

    /// Changes a project's name or description.
    ///
    /// # Errors
    /// 404 if there is no such project, or the key may not know of it.
    pub async fn update_project(
        &self,
        project: &str,
        request: &UpdateProjectRequest,
    ) -> Result<Project, ClientError> {
        let call = self.call(Method::PATCH, &["projects", project]);
        call.body(request).json(self).await
    }

    /// The workers that have claimed in the project.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_workers(&self) -> Result<WorkerListResponse, ClientError> {
        let call = self.project_call(Method::GET, &["workers"])?;
        call.json(self).await
    }
}
