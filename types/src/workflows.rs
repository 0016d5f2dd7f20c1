//! Workflow definitions and their immutable versions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{WorkflowId, WorkflowSpec, WorkflowVersionId};

/// A saved workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowDefinition {
    /// The workflow's id.
    pub id: WorkflowId,
    /// A name for people.
    pub name: String,
    /// A slug, unique in the project.
    pub handle: String,
    /// What the workflow is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The number of the newest version; 1 at first.
    pub latest_version: i32,
    /// Whether agents may call the workflow as a tool.
    #[serde(default)]
    pub published_as_tool: bool,
    /// The newest version's spec; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowSpec>,
    /// Who created the workflow.
    pub created_by: String,
    /// When the workflow was created.
    pub created_at: DateTime<Utc>,
    /// When the workflow was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A page of workflows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowDefinitionListResponse {
    /// The workflows, newest first.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub items: Vec<WorkflowDefinition>,
    /// The same workflows again, under the name that older clients read.
    pub data: Vec<WorkflowDefinition>,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// What a new workflow looks like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateWorkflowRequest {
    /// A name for people, unique in the project.
    pub name: String,
    /// A slug; made from the name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// What the workflow is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether agents may call the workflow as a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_as_tool: Option<bool>,
    /// The spec of version 1.
    pub spec: WorkflowSpec,
}

/// What to change of a workflow; an absent field stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateWorkflowRequest {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The new description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether agents may call the workflow as a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_as_tool: Option<bool>,
    /// A new spec, which makes a new version. Running runs keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowSpec>,
}

/// One version of a workflow, never changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowVersion {
    /// The version's id.
    pub id: WorkflowVersionId,
    /// The version's number, from 1.
    pub version: i32,
    /// The spec, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowSpec>,
    /// Who made the version.
    pub created_by: String,
    /// When the version was made.
    pub created_at: DateTime<Utc>,
}

/// The versions of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowVersionListResponse {
    /// The versions, newest first.
    pub items: Vec<WorkflowVersion>,
}
