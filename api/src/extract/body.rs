//! JSON bodies: checked for what Postgres can't hold, with errors that name the field.

use std::{marker::PhantomData, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{objects::Objects, plain::plain};
use crate::{ApiError, App};
use bound::{Bound, Usual};

/// How many times what is taken is read of a body that is too large, to let its sender finish.
const DRAINED_LIMITS: usize = 2;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// How large bodies may be, as types: each handler's signature says what it takes.
pub(crate) mod bound {
    use crate::Limits;

    /// A bound on the bytes of a body.
    pub(crate) trait Bound: Send + Sync + 'static {
        /// The most bytes that are taken.
        fn bytes(limits: &Limits) -> usize;
    }

    macro_rules! bounds {
        ($($(#[$doc:meta])* $name:ident = $limit:ident;)*) => {$(
            $(#[$doc])*
            pub(crate) struct $name;

            impl Bound for $name {
                fn bytes(limits: &Limits) -> usize {
                    limits.$limit()
                }
            }
        )*};
    }

    bounds! {
        /// Where a handler does not say otherwise.
        Usual = body;
        /// One report of an attempt's end.
        Report = report;
        /// Several of them.
        Reports = reports;
        /// A batch of a worker's events.
        Events = events;
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may have as many bytes as `B` says.
pub(crate) struct BoundedBody<T, B>(pub(crate) T, pub(crate) PhantomData<B>);

/// A JSON body that may be left out, which is as good as an empty object.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        parse(&json::<Usual>(request, app).await?).map(Body)
    }
}

impl<T: DeserializeOwned, B: Bound> FromRequest<App> for BoundedBody<T, B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let value = parse(&json::<B>(request, app).await?)?;
        Ok(Self(value, PhantomData))
    }
}

impl<T: DeserializeOwned> FromRequest<App> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = json::<Usual>(request, app).await?;
        let given: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        parse(given).map(OptionalBody)
    }
}

/// The bytes of a body that is declared to be JSON and not too large.
async fn json<B: Bound>(request: Request, app: &App) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    read(request, B::bytes(&app.limits)).await
}

/// Reads the body, unless it is too large. One that says so itself is not kept.
async fn read(request: Request, most: usize) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::TooLarge(format!("the body: at most {most} bytes are taken here"));
    let (head, mut body) = request.into_parts();
    let declared = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|bytes| bytes > most) {
        // Who asks first has not sent anything yet.
        if !head.headers.contains_key(header::EXPECT) {
            drain(&mut body, most).await;
        }
        return Err(too_large());
    }
    match Limited::new(&mut body, most).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(&mut body, most).await;
            Err(too_large())
        }
        Err(_) => Err(ApiError::bad_request("the body could not be read")),
    }
}

/// Reads what is left of a body that is too large, within bounds. Many clients write all of it
/// before they read the answer, and a connection that is closed with unread bytes loses that.
async fn drain(body: &mut axum::body::Body, most: usize) {
    let mut left = most.saturating_mul(DRAINED_LIMITS);
    let drained = async {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(bytes) else {
                break;
            };
            left = rest;
        }
    };
    // Whoever is slower than that learns of it when the connection closes.
    let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
}

/// Whether the body is declared to be JSON, or not declared at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let declared = declared.to_str().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return true;
    }
    let essence = essence.to_ascii_lowercase();
    essence.starts_with("application/") && essence.ends_with("+json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Every body is an object. A list would otherwise be taken as one without field names.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::bad_request("the body must be a JSON object"));
    }
    // Only an escape can put a NUL into a JSON string, and few bodies have it.
    if bytes.contains(&b'\\') && bytes.windows(6).any(|window| window == br"\u0000") {
        let value: Value = deserialize(bytes)?;
        if let Some(place) = contains_nul(&value, "") {
            return Err(ApiError::bad_request(format!(
                "{place}: must not contain U+0000"
            )));
        }
    }
    deserialize(bytes)
}

fn deserialize<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Objects(&mut deserializer)).map_err(|_| describe::<T>(bytes))?;
    deserializer
        .end()
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(value)
}

/// What is wrong with the body, and where. To keep track of the place makes reading dearer, so the
/// place is looked for only once something is wrong.
fn describe<T: DeserializeOwned>(bytes: &[u8]) -> ApiError {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let objects = Objects(&mut deserializer);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(objects) else {
        return ApiError::bad_request("the body can't be read");
    };
    let path = error.path().to_string();
    let message = plain(&error.into_inner().to_string());
    // "." is the path of the body itself.
    if path == "." {
        ApiError::bad_request(message)
    } else {
        ApiError::bad_request(format!("{path}: {message}"))
    }
}

/// The place of the first string or key that holds a NUL, which Postgres can't store.
fn contains_nul(value: &Value, place: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| shown(place)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| contains_nul(item, &format!("{place}[{index}]"))),
        Value::Object(entries) => entries.iter().find_map(|(key, item)| {
            if key.contains('\0') {
                return Some(shown(place));
            }
            let dot = if place.is_empty() { "" } else { "." };
            contains_nul(item, &format!("{place}{dot}{key}"))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn shown(place: &str) -> String {
    if place.is_empty() {
        "the body".to_owned()
    } else {
        place.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nul_is_found_in_values_and_keys_at_any_depth() {
        for (value, place) in [
            (json!({"a": {"b": ["x", "y\0"]}}), Some("a.b[1]")),
            (json!({"a": {"k\0": 1}}), Some("a")),
            (json!("\0"), Some("the body")),
            (json!({"a": "\\u0000"}), None),
        ] {
            assert_eq!(contains_nul(&value, "").as_deref(), place, "{value}");
        }
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_no_nul() {
        assert_eq!(
            parse::<Value>(br#"{"a":"\\u0000"}"#).unwrap(),
            json!({"a": "\\u0000"})
        );
        assert!(parse::<Value>(br#"{"a":"\u0000"}"#).is_err());
    }

    #[test]
    fn what_jsonb_cannot_hold_is_refused() {
        let deep = format!("{{\"a\":{}", "[".repeat(200));
        for body in [
            r#"{"a":1e400}"#,
            r#"{"a":"\ud800"}"#,
            "{",
            "",
            "[]",
            "{} {}",
            &deep,
        ] {
            assert!(parse::<Value>(body.as_bytes()).is_err(), "{body}");
        }
    }
}
