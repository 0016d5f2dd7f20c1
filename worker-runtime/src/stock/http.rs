//! `http`: makes an HTTP request from the worker's network.
//!
//! Parameters: `url` (http or https), `method` (default `GET`), `headers` (an object of strings),
//! `body` (a text) or `json` (any value), `timeout` (default `30s`, for all of it), and
//! `fail_on_status` (default false): fail with the type `http_status` unless the answer is a 2xx.
//! Result: `{"status", "headers", "json" or "body", "truncated"}`; the body is cut at 1 MiB.
//!
//! Redirects are given back, not followed. A request that changes something carries the attempt's
//! `Idempotency-Key`, unless one is given. Failures of the network may be tried again.

use std::{collections::BTreeMap, time::Duration};

use mobius_worker_sdk::{ActionError, ConfigError, Context};
use reqwest::{Method, Request, Response, Url, header, redirect};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{cancel::unless_cancelled, duration::GoDuration, output::Capped};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Shared by all requests of a worker.
pub(super) struct HttpClient(reqwest::Client);

pub(super) fn client() -> Result<HttpClient, ConfigError> {
    // An error only says that the process already has a provider, which is then used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("mobius-worker/", env!("CARGO_PKG_VERSION")))
        .build();
    client
        .map(HttpClient)
        .map_err(|error| ConfigError::Http(error.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    json: Option<Value>,
    timeout: Option<GoDuration>,
    #[serde(default)]
    fail_on_status: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    truncated: bool,
}

pub(super) async fn http(ctx: Context, parameters: Parameters) -> Result<Answer, ActionError> {
    let fail_on_status = parameters.fail_on_status;
    let HttpClient(client) = &*ctx.state::<HttpClient>();
    let request = build(client, &ctx, parameters)?;
    let exchange = async { read(client.execute(request).await?).await };
    let answer = unless_cancelled(&ctx, exchange).await?;
    let answer = answer.map_err(|error| broken(&error))?;
    if fail_on_status && !(200..300).contains(&answer.status) {
        let message = format!("the answer has status {}", answer.status);
        return Err(ActionError::fail("http_status", message));
    }
    Ok(answer)
}

/// The request, or a fatal error that names the parameter that is wrong.
fn build(
    client: &reqwest::Client,
    ctx: &Context,
    parameters: Parameters,
) -> Result<Request, ActionError> {
    let url = Url::parse(&parameters.url).map_err(|e| wrong("url", &e))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("url", &"must be http or https"));
    }
    let method = parameters.method.as_deref().unwrap_or("GET").to_uppercase();
    let method = Method::from_bytes(method.as_bytes()).map_err(|e| wrong("method", &e))?;
    let timeout = parameters.timeout.map_or(DEFAULT_TIMEOUT, |given| given.0);
    let mut request = client.request(method.clone(), url).timeout(timeout);
    if !method.is_safe() && !has(&parameters.headers, "idempotency-key") {
        request = request.header("idempotency-key", ctx.idempotency_key());
    }
    for (name, value) in &parameters.headers {
        request = request.header(name, value);
    }
    request = match (parameters.body, parameters.json) {
        (Some(_), Some(_)) => return Err(wrong("body", &"and `json` exclude each other")),
        (Some(body), None) => request.body(body),
        (None, Some(json)) if has(&parameters.headers, "content-type") => {
            request.body(json.to_string())
        }
        (None, Some(json)) => request.json(&json),
        (None, None) => request,
    };
    request.build().map_err(|e| wrong("headers", &e))
}

fn wrong(parameter: &str, why: &dyn std::fmt::Display) -> ActionError {
    ActionError::fatal(format!("parameter `{parameter}`: {why}"))
}

fn has(headers: &BTreeMap<String, String>, name: &str) -> bool {
    headers.keys().any(|given| given.eq_ignore_ascii_case(name))
}

fn broken(error: &reqwest::Error) -> ActionError {
    if error.is_timeout() {
        return ActionError::fail("timeout", "the request took too long");
    }
    let mut message = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        message = format!("{message}: {cause}");
    }
    ActionError::retry(message)
}

async fn read(mut response: Response) -> Result<Answer, reqwest::Error> {
    let headers = response.headers().keys().map(|name| {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        (name.to_string(), values.join(", "))
    });
    let headers = headers.collect();
    let mut body = Capped::default();
    while !body.truncated()
        && let Some(chunk) = response.chunk().await?
    {
        body.push(&chunk);
    }
    let json = is_json(&response)
        .then(|| serde_json::from_slice(body.bytes()).ok())
        .flatten();
    Ok(Answer {
        status: response.status().as_u16(),
        headers,
        body: json.is_none().then(|| body.text()),
        json,
        truncated: body.truncated(),
    })
}

/// `application/json` and its kin (`application/problem+json`).
fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::{
        CancelReason,
        testing::{Invocation, invoke},
    };
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        (listener, url)
    }

    /// Answers one request and gives its head and body back, as far as they came at once.
    async fn answer(listener: &TcpListener, head: &str, body: &[u8]) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 16_384];
        let length = stream.read(&mut request).await.unwrap();
        request.truncate(length);
        let length = body.len();
        let head = format!("HTTP/1.1 {head}content-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // The action may hang up on a body that is too long for it.
        let _ = stream.write_all(body).await;
        String::from_utf8(request).unwrap()
    }

    fn call(
        input: Value,
    ) -> Invocation<Parameters, impl mobius_worker_sdk::Action<Parameters, Output = Answer>> {
        invoke(http, input).state(client().unwrap())
    }

    #[tokio::test]
    async fn json_is_sent_and_read_and_the_idempotency_key_goes_along() {
        let (listener, url) = listen().await;
        let input = json!({"url": url, "method": "post", "json": {"a": 1}});
        let (request, result) = tokio::join!(
            answer(
                &listener,
                "201 Created\r\ncontent-type: application/json\r\n",
                b"{\"b\":2}"
            ),
            call(input).idempotency_key("key-1").into_future(),
        );
        let result = result.unwrap();
        assert_eq!((result.status, result.json), (201, Some(json!({"b": 2}))));
        assert_eq!(result.body, None);
        assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("idempotency-key: key-1\r\n"), "{request}");
        assert!(
            request.contains("content-type: application/json\r\n"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn an_error_status_is_a_result_unless_asked_otherwise() {
        let (listener, url) = listen().await;
        let (_, result) = tokio::join!(
            answer(&listener, "404 Not Found\r\n", b"gone"),
            call(json!({"url": url})).into_future(),
        );
        let result = result.unwrap();
        assert_eq!((result.status, result.body.as_deref()), (404, Some("gone")));
        let (_, result) = tokio::join!(
            answer(&listener, "503 Busy\r\n", b""),
            call(json!({"url": url, "fail_on_status": true})).into_future(),
        );
        assert_eq!(result.unwrap_err().error_type(), "http_status");
    }

    #[tokio::test]
    async fn a_redirect_is_given_back() {
        let (listener, url) = listen().await;
        let (_, result) = tokio::join!(
            answer(&listener, "302 Found\r\nlocation: /next\r\n", b""),
            call(json!({"url": url})).into_future(),
        );
        let result = result.unwrap();
        assert_eq!(result.status, 302);
        assert_eq!(result.headers["location"], "/next");
    }

    #[tokio::test]
    async fn a_long_body_is_cut() {
        let (listener, url) = listen().await;
        let long = vec![b'x'; 3 * 1024 * 1024];
        let (_, result) = tokio::join!(
            answer(&listener, "200 OK\r\n", &long),
            call(json!({"url": url})).into_future(),
        );
        let result = result.unwrap();
        assert!(result.truncated);
        assert_eq!(result.body.unwrap().len(), 1024 * 1024);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_a_timeout_and_no_server_is_retryable() {
        let (listener, url) = listen().await;
        let result = call(json!({"url": url, "timeout": "20ms"})).await;
        assert_eq!(result.unwrap_err().error_type(), "timeout");
        drop(listener);
        let result = call(json!({"url": url})).await;
        assert_eq!(result.unwrap_err().error_type(), "activity_failed");
    }

    #[tokio::test]
    async fn a_request_stops_when_told_to() {
        let (listener, url) = listen().await;
        let invocation = call(json!({"url": url}));
        let canceller = invocation.canceller();
        let (result, _) = tokio::join!(invocation.into_future(), async {
            let silent = listener.accept().await;
            canceller.cancel(CancelReason::Cancelled);
            silent
        });
        assert!(result.unwrap_err().message().contains("Cancelled"));
    }

    #[tokio::test]
    async fn wrong_parameters_are_fatal() {
        for input in [
            json!({"url": "file:///etc/passwd"}),
            json!({"url": "no url"}),
            json!({"url": "http://host", "method": "a b"}),
            json!({"url": "http://host", "headers": {"a b": "c"}}),
            json!({"url": "http://host", "body": "a", "json": 1}),
            json!({"url": "http://host", "verify": false}),
        ] {
            let error = call(input.clone()).await.unwrap_err();
            assert_eq!(error.error_type(), "fatal_error", "{input}");
        }
    }
}
