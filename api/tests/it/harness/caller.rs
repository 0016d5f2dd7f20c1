//! A client with a key. It knows the server's address and nothing of its insides.

use std::sync::Once;

use mobius_store::keys::SecretKey;
use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::Value;

use super::Answer;

/// A client, which holds a key or none.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: Client,
    base: String,
    key: Option<String>,
}

impl Caller {
    /// A caller without a key.
    pub(crate) fn new(base: String) -> Caller {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let provider = rustls::crypto::ring::default_provider();
            provider
                .install_default()
                .expect("nobody else in this process chooses one");
        });
        let client = Client::builder().no_proxy().build().unwrap();
        Caller {
            client,
            base,
            key: None,
        }
    }

    /// The same client with this key.
    pub(crate) fn with_key(&self, key: &SecretKey) -> Caller {
        self.with_bearer(key.expose())
    }

    /// The same client with anything in the place of a key.
    pub(crate) fn with_bearer(&self, key: &str) -> Caller {
        Caller {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// Sends a body as it stands, declared to be JSON.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<impl Into<reqwest::Body>>,
    ) -> Answer {
        let request = self.request(method, path);
        match body {
            Some(body) => {
                let json = request.header(header::CONTENT_TYPE, "application/json");
                send(json.body(body)).await
            }
            None => send(request).await,
        }
    }

    /// A request to be changed further, with the key if there is one.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

/// Sends a request and reads its answer.
async fn send(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}
