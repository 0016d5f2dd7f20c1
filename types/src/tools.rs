//! Tools: published workflows as an agent sees and calls them.

use serde::{Deserialize, Serialize};

use crate::{JsonObject, RunId};

/// A published workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolDefinition {
    /// The workflow's handle.
    pub name: String,
    /// What it does; empty when its author did not say.
    pub description: String,
    /// A JSON Schema (draft 7) of the workflow's inputs.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::AnyObject))]
    pub input_schema: JsonObject,
}

/// The tools of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolDefinitionListResponse {
    /// The tools, by name.
    pub items: Vec<ToolDefinition>,
}

/// A call of a tool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolRunRequest {
    /// The inputs, as `input_schema` describes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub input: Option<JsonObject>,
    /// How long to wait for the run's end, in seconds; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 120))]
    pub timeout_seconds: Option<i32>,
}

/// How far the run of a tool has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ToolRunStatus {
    /// It goes on: nothing has begun yet, or the call would not wait longer.
    Pending,
    /// A worker is, or was, at it.
    Running,
    /// It is done: `output` holds what it gives back.
    Completed,
    /// It failed: `error` says why.
    Failed,
    /// It waits for something outside: a signal, a time, a person.
    Suspended,
}

/// The run of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolRun {
    /// The run's id, to ask for it later.
    pub run_id: RunId,
    /// How far it has got.
    pub status: ToolRunStatus,
    /// What it gives back, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub output: Option<JsonObject>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
