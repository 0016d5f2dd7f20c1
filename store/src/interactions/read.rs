//! Reads interactions.

use mobius_types::{
    ActorRef, ActorType, Interaction, InteractionId, InteractionResponse, InteractionStatus,
    JsonObject, Page, ProjectId, RunId, Timestamp, UserId, WorkflowInteractionSpec,
    WorkflowInteractionType,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    Error,
    cursor::{self, List},
};

/// An interaction's row as queries return it.
struct Row {
    id: Uuid,
    org_id: Uuid,
    run_id: Option<Uuid>,
    topic: Option<String>,
    kind: WorkflowInteractionType,
    status: InteractionStatus,
    message: Option<String>,
    context: Option<Json<JsonObject>>,
    spec: Option<Json<WorkflowInteractionSpec>>,
    target_type: ActorType,
    target_id: String,
    require_all: bool,
    responder_type: Option<ActorType>,
    responder_id: Option<String>,
    response: Option<Json<InteractionResponse>>,
    expires_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Interaction {
    fn from(row: Row) -> Self {
        let responder = row.responder_type.zip(row.responder_id);
        Self {
            id: row.id.into(),
            org_id: row.org_id.into(),
            run_id: row.run_id.map(Into::into),
            topic: row.topic,
            kind: row.kind,
            status: row.status,
            message: row.message,
            context: row.context.map(|Json(context)| context),
            spec: row.spec.map(|Json(spec)| spec),
            target_actor: ActorRef {
                kind: row.target_type,
                id: row.target_id,
            },
            require_all: row.require_all,
            responder_actor: responder.map(|(kind, id)| ActorRef { kind, id }),
            response: row.response.map(|Json(response)| response),
            expires_at: row.expires_at,
            completed_at: row.completed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            target_group_id: None,
            target_member_snapshot: None,
            routing_policy_snapshot: None,
            claimed_by: None,
            claimed_at: None,
            partial_responses: None,
        }
    }
}

/// A query for [`Row`]s: their columns once, and behind them what it looks for.
macro_rules! select_interactions {
    ($condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"select i.id, p.org_id, run_id, topic, type as "kind: WorkflowInteractionType",
                      status as "status: InteractionStatus", message,
                      context as "context: Json<JsonObject>",
                      spec as "spec: Json<WorkflowInteractionSpec>",
                      target_type as "target_type: ActorType", target_id, require_all,
                      responder_type as "responder_type: ActorType", responder_id,
                      response as "response: Json<InteractionResponse>", expires_at, completed_at,
                      i.created_at, i.updated_at
               from interactions i join projects p on p.id = i.project_id
               "# + $condition,
            $($argument),+
        )
    };
}

/// Which interactions a list shows; an absent field shows all.
#[derive(Debug, Clone, Default)]
pub struct InteractionFilter {
    /// Where they stand.
    pub status: Option<InteractionStatus>,
    /// The run that waits for them.
    pub run: Option<RunId>,
    /// What kind of actor is asked.
    pub target_type: Option<ActorType>,
    /// Who is asked.
    pub target_id: Option<String>,
    /// The person in whose inbox they are.
    pub inbox: Option<UserId>,
}

/// A page of interactions, newest first.
///
/// # Errors
/// A foreign cursor, or the database failed.
pub async fn list(
    connection: &mut PgConnection,
    project: ProjectId,
    filter: &InteractionFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Page<Interaction>, Error> {
    let after = cursor::decode(List::Interactions, after)?;
    let rows = select_interactions!(
        "where i.project_id = $1
             and ($2::uuid is null or i.id < $2)
             and ($4::interaction_status is null or status = $4)
             and ($5::uuid is null or run_id = $5)
             and ($6::text is null or target_type = $6)
             and ($7::text is null or target_id = $7)
             and ($8::text is null or (target_type = 'member' and target_id = $8))
           order by i.id desc
           limit $3::bigint + 1",
        project.as_uuid(),
        after,
        limit,
        filter.status as _,
        filter.run.map(RunId::as_uuid),
        filter.target_type.map(ActorType::as_str),
        filter.target_id,
        filter.inbox.map(|user| user.to_string()),
    )
    .fetch_all(connection)
    .await?;
    Ok(cursor::page(List::Interactions, rows, limit, |row| row.id).map(Into::into))
}

/// An interaction.
///
/// # Errors
/// The database failed.
pub async fn get(
    connection: &mut PgConnection,
    project: ProjectId,
    id: InteractionId,
) -> Result<Option<Interaction>, Error> {
    let found = select_interactions!(
        "where i.project_id = $1 and i.id = $2",
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(Into::into))
}

/// The run that waits for an interaction; it never changes.
pub(crate) async fn run_of(
    connection: &mut PgConnection,
    project: ProjectId,
    id: InteractionId,
) -> Result<RunId, Error> {
    let run = sqlx::query_scalar!(
        r#"select run_id as "run_id!" from interactions
           where project_id = $1 and id = $2 and run_id is not null"#,
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    run.map(Into::into).ok_or(Error::NotFound("interaction"))
}
