//! Projects.

use axum::{Json, extract::State, http::StatusCode};
use mobius_store::projects::{self, NewProject};
use mobius_types::{
    CreateProjectRequest, Project, ProjectId, ProjectListResponse, UpdateProjectRequest,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiError, App,
    access::{OrgAccess, grant},
    check,
    error::ErrorResponses,
    extract::{Body, PathId, Query},
};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_projects, create_project))
        .routes(routes!(get_project, update_project, delete_project))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Search {
    /// What the name or the handle starts with.
    search: Option<String>,
}

/// List projects
///
/// The newest 100 that the key opens.
#[utoipa::path(get, path = "/projects", operation_id = "listProjects", tag = "projects", params(Search), responses((status = 200, description = "The projects.", body = ProjectListResponse), ErrorResponses))]
async fn list_projects(
    access: OrgAccess<grant::ProjectRead>,
    State(app): State<App>,
    Query(query): Query<Search>,
) -> Result<Json<ProjectListResponse>, ApiError> {
    let search = query.search.unwrap_or_default();
    let mut connection = app.store.db().acquire().await?;
    let items = projects::list(&mut connection, access.org, access.pinned(), &search).await?;
    Ok(Json(ProjectListResponse { items }))
}

/// Create a project
///
/// The handle is made from the name when absent. It stands in paths and never changes.
#[utoipa::path(post, path = "/projects", operation_id = "createProject", tag = "projects", request_body = CreateProjectRequest, responses((status = 201, description = "The new project.", body = Project), ErrorResponses))]
async fn create_project(
    access: OrgAccess<grant::ProjectCreate>,
    State(app): State<App>,
    Body(request): Body<CreateProjectRequest>,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    if access.pinned().is_some() {
        return Err(ApiError::Forbidden(mobius_types::Permission::ProjectCreate));
    }
    check::name("name", &request.name)?;
    check::text("description", request.description.as_deref())?;
    let handle = match request.handle {
        Some(handle) => handle,
        None => check::slug(&request.name)?,
    };
    check::handle("handle", &handle)?;
    let new = NewProject {
        name: request.name,
        handle,
        description: request.description,
    };
    let (org, user) = (access.org, access.user());
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(projects::create(tx, org, user, new)));
    Ok((StatusCode::CREATED, Json(write.await?)))
}

/// Get a project
#[utoipa::path(get, path = "/projects/{id}", operation_id = "getProject", tag = "projects", params(("id" = String, Path, description = "The project's id.")), responses((status = 200, description = "The project.", body = Project), ErrorResponses))]
async fn get_project(
    access: OrgAccess<grant::ProjectRead>,
    State(app): State<App>,
    PathId(id): PathId<ProjectId>,
) -> Result<Json<Project>, ApiError> {
    access.reach(id)?;
    let mut connection = app.store.db().acquire().await?;
    let found = projects::get(&mut connection, access.org, id).await?;
    found.map(Json).ok_or(ApiError::NotFound("project"))
}

/// Update a project
///
/// Changes the name and the description; an absent field stays as it is.
#[utoipa::path(patch, path = "/projects/{id}", operation_id = "updateProject", tag = "projects", params(("id" = String, Path, description = "The project's id.")), request_body = UpdateProjectRequest, responses((status = 200, description = "The project as it is now.", body = Project), ErrorResponses))]
async fn update_project(
    access: OrgAccess<grant::ProjectUpdate>,
    State(app): State<App>,
    PathId(id): PathId<ProjectId>,
    Body(change): Body<UpdateProjectRequest>,
) -> Result<Json<Project>, ApiError> {
    access.reach(id)?;
    change
        .name
        .as_deref()
        .map_or(Ok(()), |name| check::name("name", name))?;
    check::text("description", change.description.as_deref())?;
    let org = access.org;
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(projects::update(tx, org, id, change)));
    write.await?.map(Json).ok_or(ApiError::NotFound("project"))
}

/// Delete a project
///
/// With everything in it, and for good. It is out of sight at once; its rows are purged in the
/// background.
#[utoipa::path(delete, path = "/projects/{id}", operation_id = "deleteProject", tag = "projects", params(("id" = String, Path, description = "The project's id.")), responses((status = 204, description = "It is deleted."), ErrorResponses))]
async fn delete_project(
    access: OrgAccess<grant::ProjectDelete>,
    State(app): State<App>,
    PathId(id): PathId<ProjectId>,
) -> Result<StatusCode, ApiError> {
    access.reach(id)?;
    let org = access.org;
    let write = app
        .store
        .db()
        .write(move |tx| Box::pin(projects::delete(tx, org, id)));
    let was_there = write.await?;
    app.credentials.forget_projects();
    if was_there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("project"))
    }
}
