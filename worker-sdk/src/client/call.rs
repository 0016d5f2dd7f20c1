//! One HTTP exchange with the control plane: deadline, credential, and errors as values.
//!
//! It never retries and never follows a redirect, which would carry the key elsewhere.

use std::time::Duration;

use mobius_types::ErrorResponse;
use reqwest::{Method, Response, StatusCode, Url, header};
use serde::{Serialize, de::DeserializeOwned};

use super::{Client, ClientError};

/// A call that is ready to be made.
pub(super) struct Call {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    deadline: Duration,
}

impl Call {
    pub(super) fn new(client: &Client, method: Method, path: &[&str]) -> Self {
        let mut url = client.inner.api_url.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend(path);
        Self {
            method,
            url,
            body: None,
            deadline: client.inner.deadline,
        }
    }

    #[cfg(test)]
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends this as JSON.
    pub(super) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("contract types are JSON"));
        self
    }

    /// Adds a query parameter, if there is a value for it.
    pub(super) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// Waits this much longer, because the server is asked to.
    pub(super) fn wait(mut self, seconds: Option<i32>) -> Self {
        let seconds = seconds.unwrap_or(0).max(0).unsigned_abs();
        self.deadline += Duration::from_secs(seconds.into());
        self
    }

    /// Makes the call and reads the answer.
    pub(super) async fn json<T: DeserializeOwned>(self, client: &Client) -> Result<T, ClientError> {
        let (_, body) = self.send(client).await?;
        decode(&body)
    }

    /// Makes the call; an answer without content is `None`.
    pub(super) async fn json_or_empty<T: DeserializeOwned>(
        self,
        client: &Client,
    ) -> Result<Option<T>, ClientError> {
        let (status, body) = self.send(client).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        decode(&body).map(Some)
    }

    /// Makes the call; what a success says does not matter.
    pub(super) async fn acknowledged(self, client: &Client) -> Result<(), ClientError> {
        self.send(client).await.map(|_| ())
    }

    async fn send(self, client: &Client) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let deadline = self.deadline;
        let mut request = client
            .inner
            .http
            .request(self.method, self.url)
            .header(header::AUTHORIZATION, client.inner.authorization.clone())
            .timeout(deadline);
        if let Some(body) = self.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let response = request.send().await.map_err(|e| broken(e, deadline))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = response.bytes().await.map_err(|e| broken(e, deadline))?;
        if status.is_success() {
            return Ok((status, body.into()));
        }
        Err(refused(status, retry_after, &body))
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Decode(error.into()))
}

fn broken(error: reqwest::Error, deadline: Duration) -> ClientError {
    if error.is_timeout() {
        return ClientError::Timeout(deadline);
    }
    // The URL names ids of the caller's; the causes say all that matters.
    ClientError::Network(error.without_url().into())
}

fn refused(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> ClientError {
    let (code, message) = match serde_json::from_slice::<ErrorResponse>(body) {
        Ok(answer) => (answer.error.code, answer.error.message),
        // Something between us and the control plane answered.
        Err(_) => (
            String::new(),
            status.canonical_reason().unwrap_or_default().to_owned(),
        ),
    };
    ClientError::Api {
        status: status.as_u16(),
        code,
        message,
        retry_after,
    }
}

/// `Retry-After` in seconds. Its other form, a date, would need a common clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
