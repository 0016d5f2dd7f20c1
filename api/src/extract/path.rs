//! Ids in paths: one that is malformed or of another type is simply not there.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use mobius_types::{InteractionId, JobId, ProjectId, RunId, WorkflowId};

use crate::ApiError;

/// The `{id}` of the path.
pub(crate) struct PathId<T>(pub(crate) T);

/// An id that stands in paths, and what a missing one is called.
pub(crate) trait Named: FromStr {
    /// The resource's name in error messages.
    const NAME: &'static str;
}

impl Named for InteractionId {
    const NAME: &'static str = "interaction";
}

impl Named for JobId {
    const NAME: &'static str = "job";
}

impl Named for ProjectId {
    const NAME: &'static str = "project";
}

impl Named for RunId {
    const NAME: &'static str = "run";
}

impl Named for WorkflowId {
    const NAME: &'static str = "workflow";
}

/// The id in a text; one that is malformed or of another type is "not found".
pub(crate) fn parse<T: Named>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound(T::NAME))
}

impl<T: Named, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotFound(T::NAME))?;
        let (_, text) = params
            .iter()
            .find(|(name, _)| *name == "id")
            .ok_or(ApiError::NotFound(T::NAME))?;
        parse(text).map(PathId)
    }
}
