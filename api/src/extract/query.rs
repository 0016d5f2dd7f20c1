//! Query parameters, and the two that every list has.

use axum::{extract::FromRequestParts, http::request::Parts};
use mobius_types::{DEFAULT_LIMIT, DEFAULT_LONG_LIMIT, MAX_LIMIT, MAX_LONG_LIMIT};
use serde::{Deserialize, de::DeserializeOwned};

use crate::ApiError;

/// The query, as a struct.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(ApiError::bad_request("the query must not contain U+0000"));
        }
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|rejection| ApiError::bad_request(in_our_words(&rejection.body_text())))
    }
}

/// What the library says of a query, as `field: what would be right`.
fn in_our_words(text: &str) -> String {
    let said = text
        .rsplit_once("query string: ")
        .map_or(text, |(_, said)| said);
    let (place, what) = match said.split_once(": ") {
        Some((field, what)) => (format!("{field}: "), what),
        None => (String::new(), said),
    };
    let what = match what {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number"
        }
        "number too large to fit in target type" => "is too large a number",
        "number too small to fit in target type" => "is too small a number",
        "provided string was not `true` or `false`" => "must be `true` or `false`",
        other => other,
    };
    format!("{place}{what}")
}

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Where the page starts: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// The most items to return.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

impl Paging {
    /// The most items to return.
    pub(crate) fn limit(&self) -> Result<i64, ApiError> {
        bounded(self.limit.unwrap_or(DEFAULT_LIMIT), MAX_LIMIT)
    }
}

/// Which page of a list of what one run holds, which may be very much.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LongPaging {
    /// Where the page starts: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// The most items to return. A page of large items ends earlier.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

impl LongPaging {
    /// The most items to return.
    pub(crate) fn limit(&self) -> Result<i64, ApiError> {
        bounded(self.limit.unwrap_or(DEFAULT_LONG_LIMIT), MAX_LONG_LIMIT)
    }
}

fn bounded(limit: i64, most: i64) -> Result<i64, ApiError> {
    if (1..=most).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::bad_request(format!(
            "limit: must be between 1 and {most}"
        )))
    }
}
