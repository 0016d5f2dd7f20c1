//! Request ids: taken from the caller or made, returned, and logged with what went wrong.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use uuid::Uuid;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller.
const MAX: usize = 120;

/// Gives each request its id, and its log lines a span that names it.
pub(crate) async fn with_request_id(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&HEADER)
        .filter(|given| is_id(given))
        .cloned()
        .unwrap_or_else(generate);
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let span = tracing::error_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path,
    );
    let mut response = next.run(request).instrument(span).await;
    response.headers_mut().insert(HEADER.clone(), id);
    response
}

fn is_id(given: &HeaderValue) -> bool {
    let bytes = given.as_bytes();
    (1..=MAX).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-')
}

fn generate() -> HeaderValue {
    HeaderValue::try_from(format!("req_{}", Uuid::now_v7().as_simple()))
        .expect("an id is plain ASCII")
}
