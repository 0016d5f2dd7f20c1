//! The steps of a workflow spec: what all share, and what each kind adds.
//!
//! The contract describes a step as one of six shapes over a common base. Here it is one struct
//! whose kind-specific fields are optional, because several problems of one step (no kind, two
//! kinds, a retry on a sleep) must be reported with their place, all at once, by the engine.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::JsonObject;

/// One step. Exactly one of `action`, `join`, `wait_signal`, `sleep`, `pause` and `interaction`
/// says what it does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WorkflowStep {
    /// The step's name, unique in the workflow.
    pub name: String,
    /// What the step is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the branch goes when the step is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<WorkflowEdge>,
    /// Whether every edge that matches is followed (`all`, the default) or only the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_matching_strategy: Option<WorkflowEdgeMatchingStrategy>,
    /// Runs the step once for each item of a collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<WorkflowEach>,
    /// Where an editor draws the step; nothing else reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<WorkflowStepLayout>,
    /// The action to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Who runs the action: a worker (the default) or the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_kind: Option<WorkflowActionKind>,
    /// The variable that takes the action's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What the action is given; strings in it may hold `${…}` expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<JsonObject>,
    /// When a failed attempt is tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<WorkflowRetry>,
    /// Where the branch goes when the step has failed for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catch: Vec<WorkflowCatch>,
    /// Waits for other branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<WorkflowJoinConfig>,
    /// Waits for a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_signal: Option<WorkflowWaitSignalConfig>,
    /// Waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<WorkflowSleepConfig>,
    /// Waits until an operator resumes the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<WorkflowPauseConfig>,
    /// Asks a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<WorkflowInteractionConfig>,
    /// What the contract does not name and does not forbid: kept, shown, never read.
    #[serde(flatten)]
    pub extra: JsonObject,
}

/// Where an editor draws a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowStepLayout {
    /// Distance from the left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// Distance from the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
}

/// Who runs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkflowActionKind {
    /// A worker claims the job.
    Worker,
    /// The control plane runs the action itself.
    Server,
}

/// Which of the edges whose condition holds are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkflowEdgeMatchingStrategy {
    /// Every one.
    All,
    /// The first one alone.
    First,
}

/// A way from one step to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowEdge {
    /// The step it leads to.
    pub step: String,
    /// The expression that must be truthy; an edge without one is always followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The name of the branch that the edge starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// Runs a step once for each item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowEach {
    /// The items, or an expression that gives them.
    pub items: Value,
    /// The variable that holds the item; `item` when absent.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// How many items may be with workers at the same time; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub max_concurrency: Option<i64>,
    /// How many items may fail before the step does; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub max_failures: Option<i64>,
}

/// When a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowRetry {
    /// The errors that the policy is for; all but fatal ones when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_equals: Vec<String>,
    /// How often a failed attempt is followed by another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub max_retries: Option<i64>,
    /// The delay before the first retry, as a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_delay: Option<String>,
    /// The longest delay, as a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<String>,
    /// By what the delay is multiplied after each retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_rate: Option<f64>,
    /// Whether the delay is drawn at random between zero and its full length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_strategy: Option<JitterStrategy>,
    /// How long one attempt may take, as a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// Whether a retry delay is randomised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum JitterStrategy {
    /// The delay as computed.
    None,
    /// Uniform between zero and the delay as computed.
    Full,
}

/// Where a branch goes when a step has failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowCatch {
    /// The errors that the clause is for.
    pub error_equals: Vec<String>,
    /// The step that goes on.
    pub next: String,
    /// The variable that takes the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// Waits for other branches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowJoinConfig {
    /// The branches to wait for; every live named one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<String>>,
    /// How many of them must complete; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub count: Option<i64>,
    /// What is copied from which branch into which variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_mappings: Option<std::collections::BTreeMap<String, String>>,
}

/// Waits for a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowWaitSignalConfig {
    /// The signal's name.
    pub topic: String,
    /// How long to wait, as a Go duration.
    pub timeout: String,
    /// The variable that takes the signal's payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The step that goes on when no signal came; the run fails without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<String>,
}

/// Waits for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowSleepConfig {
    /// How long to sleep, as a Go duration.
    pub duration: String,
}

/// Waits until an operator resumes the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowPauseConfig {
    /// What people are told about why the run waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Asks a person or a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowInteractionConfig {
    /// What is asked for.
    #[serde(rename = "type")]
    pub kind: WorkflowInteractionType,
    /// The question.
    pub message: String,
    /// What is shown beside the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub context: Option<JsonObject>,
    /// How the question is put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<WorkflowInteractionSpec>,
    /// How long to wait for an answer, as a Go duration.
    pub timeout: String,
    /// Who is asked.
    pub target: WorkflowInteractionTarget,
    /// The variable that takes the answer; the step's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The step that goes on when nobody answered in time; the run fails without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<String>,
}

/// What an interaction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "postgres", derive(sqlx::Type))]
#[cfg_attr(
    feature = "postgres",
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowInteractionType {
    /// A yes or a no.
    Approval,
    /// That somebody has looked.
    Review,
    /// A value.
    Input,
}

impl WorkflowInteractionType {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Review => "review",
            Self::Input => "input",
        }
    }
}

/// How an interaction is put to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowInteractionSpec {
    /// The kind of control.
    pub mode: WorkflowInteractionMode,
    /// The choices of `select` and `multi_select`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<WorkflowInteractionOption>,
    /// The choice that is set at first (`select`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// The choices that are set at first (`multi_select`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_values: Option<Vec<String>>,
    /// The text that stands there at first (`input`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_text: Option<String>,
    /// The answer that is set at first (`confirm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_confirmed: Option<bool>,
    /// A hint in the empty field (`input`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether the text may have several lines (`input`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiline: Option<bool>,
}

/// The kind of control that takes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkflowInteractionMode {
    /// Yes or no.
    Confirm,
    /// One of several.
    Select,
    /// Any of several.
    MultiSelect,
    /// A text.
    Input,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowInteractionOption {
    /// What is stored.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More about the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowInteractionTarget {
    /// A person or a group.
    #[serde(rename = "type")]
    pub kind: WorkflowInteractionTargetType,
    /// The id of the person or group.
    pub id: String,
    /// Whether every member of the group must answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_all: Option<bool>,
}

/// A person or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkflowInteractionTargetType {
    /// One person.
    User,
    /// The members of a group.
    Group,
}
