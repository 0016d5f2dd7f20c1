//! Interactions that the steps of runs open: listed, read, answered.
//!
//! They are opened by runs alone; nothing here makes, claims or hands over one.

mod answer;

use axum::{Json, extract::State};
use mobius_store::{
    Answer,
    interactions::{self, InteractionFilter},
};
use mobius_types::{
    ActorRef, ActorType, Interaction, InteractionId, InteractionListResponse, InteractionStatus,
    RespondToInteractionRequest,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{Access, grant},
    error::ErrorResponses,
    extract::{Body, Paging, PathId, Query, parse_id},
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_interactions))
        .routes(routes!(get_interaction))
        .routes(routes!(respond_to_interaction))
}

/// The filters of a list of interactions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InteractionsQuery {
    /// Where they stand.
    #[param(inline)]
    status: Option<InteractionStatus>,
    /// The run that waits for them.
    run_id: Option<String>,
    /// What kind of actor is asked.
    #[param(inline)]
    target_actor_type: Option<ActorType>,
    /// Who is asked.
    target_actor_id: Option<String>,
    /// Whether to show only those that ask the person whose key this is.
    inbox: Option<bool>,
}

/// List interactions
///
/// Newest first. Filters combine.
#[utoipa::path(get, path = "/projects/{project}/interactions", operation_id = "listInteractions", tag = "interactions", params(("project" = String, Path, description = "The project's handle or id."), InteractionsQuery, Paging), responses((status = 200, description = "A page of interactions.", body = InteractionListResponse), ErrorResponses))]
async fn list_interactions(
    access: Access<grant::InteractionRead>,
    State(app): State<App>,
    Query(query): Query<InteractionsQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<InteractionListResponse>, ApiError> {
    let limit = paging.limit()?;
    let run = query.run_id.as_deref().map(parse_id).transpose()?;
    let filter = InteractionFilter {
        status: query.status,
        run,
        target_type: query.target_actor_type,
        target_id: query.target_actor_id,
        inbox: query.inbox.unwrap_or(false).then(|| access.user()),
    };
    let mut connection = app.store.db().acquire().await?;
    let after = paging.cursor.as_deref();
    let page = interactions::list(&mut connection, access.project, &filter, after, limit).await?;
    Ok(Json(InteractionListResponse {
        items: page.items,
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    }))
}

/// Get an interaction
#[utoipa::path(get, path = "/projects/{project}/interactions/{id}", operation_id = "getInteraction", tag = "interactions", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The interaction's id.")), responses((status = 200, description = "The interaction.", body = Interaction), ErrorResponses))]
async fn get_interaction(
    access: Access<grant::InteractionRead>,
    State(app): State<App>,
    PathId(id): PathId<InteractionId>,
) -> Result<Json<Interaction>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = interactions::get(&mut connection, access.project, id).await?;
    found.map(Json).ok_or(ApiError::NotFound("interaction"))
}

/// Answer an interaction
///
/// The run that asked goes on with the answer. It must be what the interaction's `spec` asks for.
/// 409 when it was answered before, has expired, or its run has ended.
#[utoipa::path(post, path = "/projects/{project}/interactions/{id}/respond", operation_id = "respondToInteraction", tag = "interactions", params(("project" = String, Path, description = "The project's handle or id."), ("id" = String, Path, description = "The interaction's id.")), request_body = RespondToInteractionRequest, responses((status = 200, description = "The interaction with the answer.", body = Interaction), ErrorResponses))]
async fn respond_to_interaction(
    access: Access<grant::InteractionRespond>,
    State(app): State<App>,
    PathId(id): PathId<InteractionId>,
    Body(request): Body<RespondToInteractionRequest>,
) -> Result<Json<Interaction>, ApiError> {
    let mut connection = app.store.db().acquire().await?;
    let found = interactions::get(&mut connection, access.project, id).await?;
    drop(connection);
    let asked = found.ok_or(ApiError::NotFound("interaction"))?;
    // Whoever comes too late shall hear that, not that the answer had a flaw.
    if asked.status != InteractionStatus::Pending {
        return Err(ApiError::Conflict {
            code: "interaction_closed",
            message: "the interaction is not open any more".to_owned(),
        });
    }
    answer::check_comment(request.comment.as_deref())?;
    let answer = Answer {
        interaction: id,
        responder: ActorRef {
            kind: ActorType::Member,
            id: access.user().to_string(),
        },
        value: answer::check(&asked, request.value)?,
        comment: request.comment,
    };
    let answered = app.store.answer_interaction(access.project, answer).await?;
    Ok(Json(answered))
}
