//! Interactions: what is asked of people, and what they answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    InteractionId, JsonObject, OrgId, RunId, WorkflowInteractionSpec,
    WorkflowInteractionTargetType, WorkflowInteractionType,
};

/// Where an interaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "postgres", derive(sqlx::Type))]
#[cfg_attr(
    feature = "postgres",
    sqlx(type_name = "interaction_status", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum InteractionStatus {
    /// It waits for an answer.
    Pending,
    /// It was answered.
    Completed,
    /// Nobody answered in time, or its run went on or ended without the answer.
    Expired,
}

/// What kind of actor asks, is asked or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "postgres", derive(sqlx::Type))]
#[cfg_attr(
    feature = "postgres",
    sqlx(type_name = "text", rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// A person.
    Member,
    /// An agent.
    Agent,
    /// The members of a group.
    Group,
}

impl ActorType {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Agent => "agent",
            Self::Group => "group",
        }
    }
}

impl From<WorkflowInteractionTargetType> for ActorType {
    fn from(target: WorkflowInteractionTargetType) -> Self {
        match target {
            WorkflowInteractionTargetType::User => Self::Member,
            WorkflowInteractionTargetType::Group => Self::Group,
        }
    }
}

/// A person, an agent or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActorRef {
    /// What kind of actor it is.
    #[serde(rename = "type")]
    pub kind: ActorType,
    /// Its id.
    pub id: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionResponse {
    /// The answer itself: what the interaction's `spec` asks for.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::InteractionValue))]
    pub value: Value,
    /// What the responder adds to it.
    #[serde(default)]
    pub comment: Option<String>,
    /// When it was given.
    pub at: DateTime<Utc>,
}

/// A question to a person or a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interaction {
    /// The interaction's id.
    pub id: InteractionId,
    /// The organisation it belongs to.
    pub org_id: OrgId,
    /// The run that waits for it.
    #[serde(default)]
    pub run_id: Option<RunId>,
    /// The step that waits for it.
    #[serde(default)]
    pub topic: Option<String>,
    /// What is asked for.
    #[serde(rename = "type")]
    pub kind: WorkflowInteractionType,
    /// Where it stands.
    pub status: InteractionStatus,
    /// The question.
    #[serde(default)]
    pub message: Option<String>,
    /// What is shown beside the question.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::AnyObject>))]
    pub context: Option<JsonObject>,
    /// How the question is put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub spec: Option<WorkflowInteractionSpec>,
    /// Who is asked.
    pub target_actor: ActorRef,
    /// Whether every member of a group has to answer.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub require_all: bool,
    /// Who answered.
    #[serde(default)]
    pub responder_actor: Option<ActorRef>,
    /// The answer.
    #[serde(default)]
    pub response: Option<InteractionResponse>,
    /// When it expires unless it is answered.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was answered.
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The group that is asked, for one that asks a group.
    #[serde(default)]
    pub target_group_id: Option<String>,
    /// The group's members when it was opened.
    #[serde(default)]
    pub target_member_snapshot: Option<Vec<String>>,
    /// How the group answered when it was opened.
    #[serde(default)]
    pub routing_policy_snapshot: Option<GroupRoutingPolicy>,
    /// The member of the group who took it over.
    #[serde(default)]
    pub claimed_by: Option<String>,
    /// When that member did.
    #[serde(default)]
    pub claimed_at: Option<DateTime<Utc>>,
    /// The answers of the members who have answered, where all have to.
    #[serde(default)]
    pub partial_responses: Option<Vec<InteractionPartialResponse>>,
}

/// How the members of a group answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupRoutingPolicy {
    /// The first answer counts.
    FirstResponder,
    /// Every member has to answer.
    AllMembers,
}

/// The answer of one member of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionPartialResponse {
    /// The member.
    pub user_id: String,
    /// The answer.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::InteractionValue))]
    pub value: Value,
    /// What the member adds to it.
    #[serde(default)]
    pub comment: Option<String>,
    /// When it was given.
    pub responded_at: DateTime<Utc>,
}

/// A page of interactions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InteractionListResponse {
    /// The interactions, newest first.
    pub items: Vec<Interaction>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// What to pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An answer to give.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RespondToInteractionRequest {
    /// The answer: a boolean, a string, an array of strings or any value, as the interaction's
    /// `spec` asks; at most 256 KiB. A review without a `spec` needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::InteractionValue>))]
    pub value: Option<Value>,
    /// What is added to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
