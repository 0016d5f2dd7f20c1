//! One keep-alive connection that sends JSON and reads JSON, with as little work as possible.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// A connection to the server.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    authorization: String,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // It ends with the sender; an error shows in the request that suffers from it.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            authorization: format!("Bearer {key}"),
        })
    }

    /// Opens a stream and returns it; the connection serves nothing else then.
    pub(crate) async fn stream(mut self, path: &str) -> anyhow::Result<Streaming> {
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::default())?;
        let response = self.sender.send_request(request).await?;
        if !response.status().is_success() {
            bail!("{path}: {}", response.status());
        }
        Ok(Streaming {
            body: response.into_body(),
            _sender: self.sender,
        })
    }

    /// Gets a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::default())?;
        let body = self.send(path, request).await?;
        serde_json::from_slice(&body).with_context(|| format!("{path} is not what was expected"))
    }

    /// Posts a body; any status but a success is an error.
    pub(crate) async fn post(&mut self, path: &str, body: Vec<u8>) -> anyhow::Result<Bytes> {
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::new(Bytes::from(body)))?;
        self.send(path, request).await
    }

    async fn send(&mut self, path: &str, request: Request<Full<Bytes>>) -> anyhow::Result<Bytes> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    /// Posts a body and reads the answer; `None` for an empty one.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Option<T>> {
        let answer = self.post(path, body).await?;
        if answer.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&answer)
            .map(Some)
            .context("an answer is not what was expected")
    }
}

/// An open stream of server-sent events.
pub(crate) struct Streaming {
    body: Incoming,
    /// The connection ends with it.
    _sender: http1::SendRequest<Full<Bytes>>,
}

impl Streaming {
    /// The next bytes; not aligned to frames.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Bytes> {
        loop {
            let frame = self
                .body
                .frame()
                .await
                .context("a stream ended by itself")??;
            if let Ok(bytes) = frame.into_data() {
                return Ok(bytes);
            }
        }
    }
}
