//! The first organisation, project and key of a fresh server.

use mobius_types::{OrgId, ProjectId, UserId};
use sqlx::PgConnection;

use crate::{Error, keys, keys::SecretKey};

/// The handle of the first organisation and of its first project.
pub const DEFAULT_HANDLE: &str = "default";

/// The permission list of an owner's key.
const OWNER: &str = "mobius.*";

/// What an operator needs for the first call.
#[derive(Debug)]
pub struct Bootstrap {
    /// The organisation `default`.
    pub org: OrgId,
    /// Its owner.
    pub owner: UserId,
    /// Its project `default`.
    pub project: ProjectId,
    /// A new key that may do everything in the organisation.
    pub key: SecretKey,
}

/// Makes what is missing of the organisation `default`, its owner and its project `default`, and
/// always a new owner's key with the given name.
///
/// # Errors
/// The database failed.
pub async fn bootstrap(connection: &mut PgConnection, key_name: &str) -> Result<Bootstrap, Error> {
    let (org, owner) = ensure_org(connection).await?;
    let project = ensure_project(connection, org, owner).await?;
    let new = keys::NewKey {
        org,
        project: None,
        user: owner,
        name: key_name.to_owned(),
        permissions: vec![OWNER.to_owned()],
        expires_at: None,
    };
    let key = keys::create(connection, new).await?;
    Ok(Bootstrap {
        org,
        owner,
        project,
        key,
    })
}

/// Whether any key exists: a server without one can't be used.
///
/// # Errors
/// The database failed.
pub async fn has_keys(connection: &mut PgConnection) -> Result<bool, Error> {
    let has = sqlx::query_scalar!(r#"select exists (select from api_keys) as "has!""#)
        .fetch_one(connection)
        .await?;
    Ok(has)
}

async fn ensure_org(connection: &mut PgConnection) -> Result<(OrgId, UserId), Error> {
    sqlx::query!(
        "with made as (
             insert into orgs (id, name, handle, created_at)
             values ($1, 'Default', $2, mobius_now())
             on conflict do nothing
             returning id)
         insert into users (id, org_id, name, created_at)
         select $3, made.id, 'Owner', mobius_now() from made",
        OrgId::generate().as_uuid(),
        DEFAULT_HANDLE,
        UserId::generate().as_uuid(),
    )
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query!(
        "select o.id as org, u.id as owner from orgs o join users u on u.org_id = o.id
         where o.handle = $1 order by u.created_at, u.id limit 1",
        DEFAULT_HANDLE,
    )
    .fetch_one(connection)
    .await?;
    Ok((row.org.into(), row.owner.into()))
}

async fn ensure_project(
    connection: &mut PgConnection,
    org: OrgId,
    owner: UserId,
) -> Result<ProjectId, Error> {
    if let Some(project) = crate::projects::resolve(connection, org, DEFAULT_HANDLE).await? {
        return Ok(project);
    }
    let new = crate::projects::NewProject {
        name: "Default".to_owned(),
        handle: DEFAULT_HANDLE.to_owned(),
        description: None,
    };
    Ok(crate::projects::create(connection, org, owner, new)
        .await?
        .id)
}
