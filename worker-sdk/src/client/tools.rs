//! Calls about tools: published workflows.

use mobius_types::{RunId, ToolDefinitionListResponse, ToolRun, ToolRunRequest};
use reqwest::Method;

use super::{Client, ClientError};

/// How long a call waits when the request does not say, in seconds.
const DEFAULT_WAIT: i32 = 30;

impl Client {
    /// The tools of the project, each with a JSON Schema of its inputs.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn list_tools(&self) -> Result<ToolDefinitionListResponse, ClientError> {
        let call = self.project_call(Method::GET, &["tools"])?;
        call.json(self).await
    }

    /// Calls a tool and waits for its run as long as the request says. One that goes on is
    /// `Pending`: ask for it with [`Client::get_tool_run`].
    ///
    /// # Errors
    /// 400 if the inputs are wrong, 404 if there is no such tool.
    pub async fn run_tool(
        &self,
        tool: &str,
        request: &ToolRunRequest,
    ) -> Result<ToolRun, ClientError> {
        let call = self.project_call(Method::POST, &["tools", tool, "runs"])?;
        let wait = request.timeout_seconds.unwrap_or(DEFAULT_WAIT);
        call.wait(Some(wait)).body(request).json(self).await
    }

    /// How the run of a tool stands.
    ///
    /// # Errors
    /// 404 if there is no such tool, or the run is not one of it.
    pub async fn get_tool_run(&self, tool: &str, run: RunId) -> Result<ToolRun, ClientError> {
        let call = self.project_call(Method::GET, &["tools", tool, "runs", &run.to_string()])?;
        call.json(self).await
    }
}
