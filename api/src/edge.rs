//! What surrounds every request, whatever its route: its id, which is taken from the caller or made,
//! returned and logged with what went wrong, and a plain 500 when a handler panics.
//!
//! It knows nothing of routes, and stands around the finished router: a layer of the router would be
//! boxed once for each of them and cloned for every request.

use std::{any::Any, convert::Infallible, panic::AssertUnwindSafe};

use axum::{
    Router,
    body::HttpBody,
    http::{HeaderName, HeaderValue, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::FutureExt;
use tower::Service;
use tracing::Instrument;
use uuid::Uuid;

use crate::ApiError;

static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller.
const MAX: usize = 120;

/// The most bytes of a path that are logged.
const MAX_PATH: usize = 200;

/// Gives the request its id, and its log lines a span that names it, and has it answered.
pub(crate) async fn answer<B>(
    mut router: Router,
    request: Request<B>,
) -> Result<Response, Infallible>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let given = request.headers().get(&HEADER).filter(|given| is_id(given));
    let id = given.cloned().unwrap_or_else(generate);
    let span = tracing::error_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = start_of(request.uri().path()),
    );
    let routed = AssertUnwindSafe(async move { router.call(request).await }).catch_unwind();
    let answered = async move {
        match routed.await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => panicked(panic.as_ref()),
        }
    };
    let mut response = answered.instrument(span).await;
    response.headers_mut().insert(HEADER.clone(), id);
    Ok(response)
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

/// The path as far as it is logged.
fn start_of(path: &str) -> &str {
    let end = (0..=MAX_PATH.min(path.len()))
        .rev()
        .find(|end| path.is_char_boundary(*end));
    &path[..end.unwrap_or(0)]
}

/// A panic is a mistake of ours: it is logged, and the client gets a plain 500.
fn panicked(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    ApiError::Internal.into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, routing::get};

    use super::*;

    async fn fails() -> StatusCode {
        panic!("a mistake of ours")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_with_500_and_the_id() {
        let router = Router::new().route("/", get(fails));
        let request = Request::get("/").header("x-request-id", "req_1");
        let request = request.body(Body::empty()).unwrap();
        let Ok(response) = answer(router, request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[&HEADER], "req_1");
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        assert_eq!(start_of("/v1/jobs"), "/v1/jobs");
        let path = format!("/{}", "é".repeat(MAX_PATH));
        assert_eq!(start_of(&path).len(), MAX_PATH - 1);
    }
}
