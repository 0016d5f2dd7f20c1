//! One keep-alive connection that sends JSON and reads JSON, with as little work as possible.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1, header};
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

    /// Posts a body; any status but a success is an error.
    pub(crate) async fn post(&mut self, path: &str, body: Vec<u8>) -> anyhow::Result<Bytes> {
        self.sender.ready().await?;
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Full::new(Bytes::from(body)))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        if status == StatusCode::NO_CONTENT {
            Ok(Bytes::new())
        } else {
            Ok(body)
        }
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
