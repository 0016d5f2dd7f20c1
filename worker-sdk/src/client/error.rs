//! What can go wrong with a call to the control plane, and with setting the client up.

use std::{error::Error, time::Duration};

/// Why a client can't be built.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting is absent.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// The address of the control plane is not one.
    #[error("the API URL must be an http or https URL, not {0:?}")]
    Url(String),
    /// The key can't be sent in a header. It is not shown.
    #[error("the API key holds characters that no key has")]
    Key,
    /// The HTTP client could not be set up.
    #[error("the HTTP client can't be set up")]
    Http(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The control plane answered with an error.
    #[error("the control plane answered {status} {code}: {message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// A stable word for programs; empty if the answer was not in the contract's envelope.
        code: String,
        /// What was wrong, for people.
        message: String,
        /// How long the control plane asks to wait.
        retry_after: Option<Duration>,
    },
    /// The control plane could not be reached, or the connection broke.
    #[error("the control plane can't be reached")]
    Network(#[source] Box<dyn Error + Send + Sync>),
    /// There was no complete answer in time. The call may have taken effect.
    #[error("the control plane did not answer within {0:?}")]
    Timeout(Duration),
    /// The answer is not what the contract says. The call probably took effect.
    #[error("the control plane's answer can't be read")]
    Decode(#[source] Box<dyn Error + Send + Sync>),
    /// The operation needs a project, and the client was given none.
    #[error("this call needs a project: set MOBIUS_PROJECT")]
    NoProject,
}

impl ClientError {
    /// Whether the same call may succeed later. The client never retries by itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::Network(_) | Self::Timeout(_) => true,
            Self::Decode(_) | Self::NoProject => false,
        }
    }

    /// The HTTP status of an error answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            Self::Network(_) | Self::Timeout(_) | Self::Decode(_) | Self::NoProject => None,
        }
    }

    /// How long the control plane asks to wait before the next call.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { retry_after, .. } => *retry_after,
            Self::Network(_) | Self::Timeout(_) | Self::Decode(_) | Self::NoProject => None,
        }
    }
}
