//! The one error that a handler returns, and how it reaches a client.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mobius_store::Error as StoreError;
use mobius_types::{ErrorDetail, ErrorResponse, Permission};

/// After how many seconds a client should try again when Postgres was away.
const RETRY_AFTER: u32 = 1;

/// Why a request is not answered with success.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The request is malformed; the message names the field.
    #[error("{message}")]
    BadRequest {
        /// A stable word for programs.
        code: &'static str,
        /// What is wrong with which field, and what would be right.
        message: String,
    },
    /// No key, or not one that is known, unexpired and unrevoked. Never says which.
    #[error("a valid API key is required: `Authorization: Bearer mbx_…`")]
    Unauthorized,
    /// The key lacks a permission.
    #[error("the API key lacks the permission `{}`", .0.as_str())]
    Forbidden(Permission),
    /// Nothing of that kind is there, as far as this caller may know.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The path exists, but not with this method.
    #[error("this path does not take that method")]
    MethodNotAllowed,
    /// The request contradicts what is stored.
    #[error("{message}")]
    Conflict {
        /// A stable word for programs.
        code: &'static str,
        /// What contradicts what.
        message: String,
    },
    /// The body, or a part of it, is too large.
    #[error("{0}")]
    TooLarge(String),
    /// More than the caller may have or do at a time.
    #[error("{message}")]
    TooMany {
        /// A stable word for programs.
        code: &'static str,
        /// What there is too much of.
        message: String,
        /// After how many seconds it is worth trying again.
        retry_after: u32,
    },
    /// The body is not declared to be JSON.
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    UnsupportedMediaType,
    /// Postgres is away or overloaded.
    #[error("the service is not available at the moment; try again")]
    Unavailable,
    /// A mistake of ours. What it was stands in the log alone.
    #[error("internal error")]
    Internal,
}

impl ApiError {
    /// A malformed request.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest {
            code: "bad_request",
            message: message.into(),
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word of the answer.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest { code, .. }
            | Self::Conflict { code, .. }
            | Self::TooMany { code, .. } => code,
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge(_) => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// After how many seconds the same request is worth another try, if time alone may help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Unavailable => Some(RETRY_AFTER),
            Self::TooMany { retry_after, .. } => Some(*retry_after),
            Self::BadRequest { .. }
            | Self::Unauthorized
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::MethodNotAllowed
            | Self::Conflict { .. }
            | Self::TooLarge(_)
            | Self::UnsupportedMediaType
            | Self::Internal => None,
        }
    }

    /// The body's inner part.
    #[must_use]
    pub fn detail(&self) -> ErrorDetail {
        ErrorDetail {
            code: self.code().to_owned(),
            message: self.to_string(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what),
            StoreError::Conflict { code, message } => Self::Conflict { code, message },
            StoreError::RunEnded => Self::Conflict {
                code: "run_ended",
                message: error.to_string(),
            },
            StoreError::LeaseLost => Self::Conflict {
                code: "lease_lost",
                message: error.to_string(),
            },
            StoreError::Invalid(problems) => Self::BadRequest {
                code: "invalid",
                message: problems.to_string(),
            },
            StoreError::InvalidCursor => Self::BadRequest {
                code: "invalid_cursor",
                message: error.to_string(),
            },
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database is not available");
                Self::Unavailable
            }
            StoreError::Database(source) => {
                tracing::error!(error = %source, "a database statement failed");
                Self::Internal
            }
            StoreError::Corrupt(what) => {
                tracing::error!(error = what, "a stored row can't be used");
                Self::Internal
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(ErrorResponse {
            error: self.detail(),
        });
        let mut response = (self.status(), body).into_response();
        if let Some(seconds) = self.retry_after() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self, Self::Unauthorized) {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// The answers that any operation may give besides its own.
#[derive(utoipa::IntoResponses)]
#[expect(
    dead_code,
    reason = "the variants exist for the served OpenAPI document"
)]
pub(crate) enum ErrorResponses {
    /// The request is malformed.
    #[response(status = 400)]
    BadRequest(ErrorResponse),
    /// No valid API key.
    #[response(status = 401)]
    Unauthorized(ErrorResponse),
    /// The key lacks the permission.
    #[response(status = 403)]
    Forbidden(ErrorResponse),
    /// Not there, or not for this caller.
    #[response(status = 404)]
    NotFound(ErrorResponse),
    /// The path does not take that method.
    #[response(status = 405)]
    MethodNotAllowed(ErrorResponse),
    /// The request contradicts what is stored.
    #[response(status = 409)]
    Conflict(ErrorResponse),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorResponse),
    /// The body is not JSON.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorResponse),
    /// Too many requests; see `Retry-After`.
    #[response(status = 429)]
    TooManyRequests(ErrorResponse),
    /// Not available at the moment; see `Retry-After`.
    #[response(status = 503)]
    Unavailable(ErrorResponse),
}
