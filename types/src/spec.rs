//! A workflow's definition as its author writes it. The steps themselves are in `steps`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JobOptions, JsonObject, RateLimit, WorkflowStep, serialize::present};

/// What a workflow is: its inputs, its steps and what it gives back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowSpec {
    /// The workflow's name.
    pub name: String,
    /// What the workflow is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The step that runs first; the first of `steps` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// The inputs that a start may or must give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<WorkflowInput>,
    /// What a completed run gives back; the state of `main` when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<WorkflowOutput>,
    /// The variables that the first branch starts with.
    #[serde(default, skip_serializing_if = "JsonObject::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::AnyObject))]
    pub state: JsonObject,
    /// Among the jobs that a worker could take, those of a higher priority go first: -100 to 100,
    /// and 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The key over whose jobs the limits count, in all runs of the project: a template over `inputs`
    /// and `run`, of which a run makes 1 to 255 characters when it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    /// How many jobs of the key may be held by workers at once, 1 to 100,000. Without a key, how many
    /// of the workflow's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i64>,
    /// How many jobs of the key may be claimed in how much time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// The steps.
    pub steps: Vec<WorkflowStep>,
}

impl WorkflowSpec {
    /// What it says of how the jobs of its runs are claimed; the key as its template.
    #[must_use]
    pub fn job_options(&self) -> JobOptions {
        JobOptions {
            priority: self.priority,
            concurrency_key: self.concurrency_key.clone(),
            max_concurrency: self.max_concurrency,
            rate_limit: self.rate_limit,
        }
    }
}

/// One declared input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowInput {
    /// The name under which expressions find it: `inputs.<name>`.
    pub name: String,
    /// One of `string`, `integer`, `number`, `boolean`, `object`, `array`, `any`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the input is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value when a start gives none; an input without a default is required.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub default: Option<Value>,
}

/// One declared output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowOutput {
    /// The name in the run's result.
    pub name: String,
    /// The variable whose final value is given back.
    pub variable: String,
    /// The branch that holds the variable; `main` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What the output means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
