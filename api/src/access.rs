//! Access: who calls and what they may do, as extractors in a handler's signature.
//!
//! A handler that takes an [`Access`] can't be reached without the permission that its type names,
//! and gets the tenant only from it.

use std::{marker::PhantomData, sync::Arc};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{header, request::Parts},
};
use mobius_store::{
    keys::{Credential, KeyHash, SecretKey},
    runs::Initiator,
};
use mobius_types::{KeyId, OrgId, Permission, ProjectId, UserId, covers};

use crate::{ApiError, App};

/// A permission as a type.
pub(crate) trait Grant: Send + Sync + 'static {
    const PERMISSION: Permission;
}

/// The permissions as types.
pub(crate) mod grant {
    use super::{Grant, Permission};

    macro_rules! grants {
        ($($name:ident)*) => {$(
            pub(crate) struct $name;

            impl Grant for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )*};
    }

    grants! {
        ProjectRead ProjectCreate ProjectUpdate ProjectDelete
        WorkflowRead WorkflowCreate WorkflowUpdate WorkflowDelete
        RunRead RunStart RunCancel RunRetry RunResume RunSignal
        ToolRead ToolRun
        InteractionRead InteractionRespond
        JobClaim JobComplete JobEmitEvent JobRead JobPause
        WorkerRead
    }
}

/// A caller who may do `G` in the project that the path names.
pub(crate) struct Access<G> {
    pub(crate) project: ProjectId,
    hash: KeyHash,
    credential: Arc<Credential>,
    grant: PhantomData<G>,
}

impl<G> Access<G> {
    /// The key that was presented.
    pub(crate) fn key(&self) -> KeyId {
        self.credential.key
    }

    /// The actor that the call counts as.
    pub(crate) fn user(&self) -> UserId {
        self.credential.user
    }

    /// How people are told who did it: the name of the key.
    pub(crate) fn label(&self) -> String {
        self.credential.key_name.clone()
    }

    /// What a run that this caller starts says of its origin.
    pub(crate) fn initiator(&self) -> Initiator {
        Initiator {
            actor_type: "user".into(),
            actor_id: self.credential.user.to_string(),
            label: self.label(),
        }
    }
}

impl<G: Grant> Access<G> {
    /// Looks again, for an answer that goes on for long: whether the key would still be let in,
    /// and the project is still there.
    pub(crate) async fn look_again(&self, app: &App) -> Result<(), ApiError> {
        let credential = app.credentials.holder(self.hash).await?;
        let project = self.project.to_string();
        app.credentials.project(credential.org, &project).await?;
        reach(&credential, self.project)?;
        require::<G>(&credential)
    }
}

impl<G: Grant> FromRequestParts<App> for Access<G> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = presented_key(parts)?;
        let credential = app.credentials.authenticate(&key).await?;
        let project = named_project(parts, app, &credential).await?;
        require::<G>(&credential)?;
        Ok(Self {
            project,
            hash: key.hash(),
            credential,
            grant: PhantomData,
        })
    }
}

/// A caller who may do `G` in the organisation.
pub(crate) struct OrgAccess<G> {
    pub(crate) org: OrgId,
    credential: Arc<Credential>,
    grant: PhantomData<G>,
}

impl<G> OrgAccess<G> {
    /// The actor that the call counts as.
    pub(crate) fn user(&self) -> UserId {
        self.credential.user
    }

    /// The one project that the key opens, if it is pinned.
    pub(crate) fn pinned(&self) -> Option<ProjectId> {
        self.credential.project
    }

    /// Refuses a project that the key does not open, as if it were not there.
    pub(crate) fn reach(&self, project: ProjectId) -> Result<(), ApiError> {
        reach(&self.credential, project)
    }
}

impl<G: Grant> FromRequestParts<App> for OrgAccess<G> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let credential = app.credentials.authenticate(&presented_key(parts)?).await?;
        require::<G>(&credential)?;
        Ok(Self {
            org: credential.org,
            credential,
            grant: PhantomData,
        })
    }
}

fn presented_key(parts: &Parts) -> Result<SecretKey, ApiError> {
    let given = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (scheme, key) = given
        .and_then(|value| value.split_once(' '))
        .ok_or(ApiError::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::Unauthorized);
    }
    SecretKey::parse(key.trim()).ok_or(ApiError::Unauthorized)
}

/// The project of the path; without one in the path, the one that the key is pinned to.
async fn named_project(
    parts: &mut Parts,
    app: &App,
    credential: &Credential,
) -> Result<ProjectId, ApiError> {
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| ApiError::NotFound("project"))?;
    let Some((_, name)) = params.iter().find(|(param, _)| *param == "project") else {
        return credential.project.ok_or_else(|| {
            ApiError::bad_request(
                "this key opens several projects: use /projects/{project}/jobs/… instead",
            )
        });
    };
    if name.contains('\0') {
        return Err(ApiError::NotFound("project"));
    }
    let project = app.credentials.project(credential.org, name).await?;
    reach(credential, project)?;
    Ok(project)
}

fn reach(credential: &Credential, project: ProjectId) -> Result<(), ApiError> {
    match credential.project {
        Some(pinned) if pinned != project => Err(ApiError::NotFound("project")),
        Some(_) | None => Ok(()),
    }
}

fn require<G: Grant>(credential: &Credential) -> Result<(), ApiError> {
    if covers(&credential.permissions, G::PERMISSION) {
        Ok(())
    } else {
        Err(ApiError::Forbidden(G::PERMISSION))
    }
}
