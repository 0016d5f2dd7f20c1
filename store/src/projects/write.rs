//! Creates and changes projects.

use mobius_types::{OrgId, Project, ProjectId, UpdateProjectRequest, UserId};
use sqlx::PgConnection;

use super::read::Row;
use crate::Error;

/// What a new project looks like.
#[derive(Debug)]
pub struct NewProject {
    /// A name for people.
    pub name: String,
    /// The slug for paths.
    pub handle: String,
    /// What it is for.
    pub description: Option<String>,
}

/// Creates a project, with the counter of its events.
///
/// # Errors
/// [`Error::Conflict`] when the handle is taken, or the database failed.
pub async fn create(
    connection: &mut PgConnection,
    org: OrgId,
    creator: UserId,
    new: NewProject,
) -> Result<Project, Error> {
    let row = sqlx::query_as!(
        Row,
        "with clock as materialized (select mobius_now() as now),
         counter as (insert into project_counters (project_id) values ($1))
         insert into projects
             (id, org_id, handle, name, description, created_by, created_at, updated_at)
         select $1, $2, $3, $4, $5, $6, now, now from clock
         returning id, name, handle, description, created_by, created_at, updated_at",
        ProjectId::generate().as_uuid(),
        org.as_uuid(),
        new.handle,
        new.name,
        new.description,
        creator.as_uuid(),
    )
    .fetch_one(connection)
    .await
    .map_err(Error::from)
    .map_err(|error| match error.constraint() {
        Some("projects_handle") => Error::Conflict {
            code: "handle_taken",
            message: format!("handle: a project `{}` exists already", new.handle),
        },
        _ => error,
    })?;
    Ok(row.into())
}

/// Changes a project's name and description; an absent field stays as it is.
///
/// # Errors
/// The database failed.
pub async fn update(
    connection: &mut PgConnection,
    org: OrgId,
    id: ProjectId,
    change: UpdateProjectRequest,
) -> Result<Option<Project>, Error> {
    let row = sqlx::query_as!(
        Row,
        "update projects
         set name = coalesce($3, name),
             description = coalesce($4, description),
             updated_at = mobius_now()
         where org_id = $1 and id = $2 and deleted_at is null
         returning id, name, handle, description, created_by, created_at, updated_at",
        org.as_uuid(),
        id.as_uuid(),
        change.name,
        change.description,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}
