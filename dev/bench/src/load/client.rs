//! One keep-alive connection that sends JSON and reads JSON, with as little work as possible.
//!
//! The caller's own task writes the request and reads the answer. A client with a task for each
//! connection would wake two tasks a call, and would be measured with what it measures. Streams,
//! which are opened once, are read by hyper.

use std::{io::Write, net::SocketAddr, ops::Range};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The most headers of an answer.
const MAX_HEADERS: usize = 16;

/// A connection to the server.
pub(crate) struct Client {
    socket: TcpStream,
    authorization: String,
    /// The request that is sent.
    request: Vec<u8>,
    /// The answer as far as it was read.
    answer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            authorization: format!("Bearer {key}"),
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// Opens a stream and returns it; the connection serves nothing else then.
    pub(crate) async fn stream(self, path: &str) -> anyhow::Result<Streaming> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.socket)).await?;
        // It ends with the sender; an error shows in the request that suffers from it.
        tokio::spawn(connection);
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &self.authorization)
            .body(Empty::new())?;
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            bail!("{path}: {}", response.status());
        }
        Ok(Streaming {
            body: response.into_body(),
            _sender: sender,
        })
    }

    /// Gets a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let answer = self.send("GET", path, &[]).await?;
        serde_json::from_slice(answer).with_context(|| format!("{path} is not what was expected"))
    }

    /// Posts a body; any status but a success is an error.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<()> {
        self.send("POST", path, body).await.map(|_| ())
    }

    /// Posts a body and reads the answer; `None` for an empty one.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &[u8],
    ) -> anyhow::Result<Option<T>> {
        let answer = self.send("POST", path, body).await?;
        if answer.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(answer)
            .map(Some)
            .context("an answer is not what was expected")
    }

    /// Sends a request and returns the body of the answer.
    async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<&[u8]> {
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.authorization,
            body.len(),
        )?;
        self.request.extend_from_slice(body);
        self.socket.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.read(path).await?;
            if let Some(head) = Head::read(&self.answer)? {
                break head;
            }
        };
        while self.answer.len() < head.body.end {
            self.read(path).await?;
        }
        let body = &self.answer[head.body];
        if !(200..300).contains(&head.status) {
            bail!("{path}: {}: {}", head.status, String::from_utf8_lossy(body));
        }
        Ok(body)
    }

    async fn read(&mut self, path: &str) -> anyhow::Result<()> {
        let bytes = self.socket.read_buf(&mut self.answer).await?;
        ensure!(bytes > 0, "{path}: the server hung up");
        Ok(())
    }
}

/// What the head of an answer says.
#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    /// Where the body stands.
    body: Range<usize>,
}

impl Head {
    /// Reads it; none when a part of it is still to come.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(start) = response.parse(bytes)? else {
            return Ok(None);
        };
        let mut length = 0;
        for header in &*response.headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                length = std::str::from_utf8(header.value)?.parse()?;
            }
            ensure!(
                !header.name.eq_ignore_ascii_case("transfer-encoding"),
                "an answer came in chunks"
            );
        }
        Ok(Some(Self {
            status: response.code.context("an answer without a status")?,
            body: start..start + length,
        }))
    }
}

/// An open stream of server-sent events.
pub(crate) struct Streaming {
    body: Incoming,
    /// The connection ends with it.
    _sender: http1::SendRequest<Empty<Bytes>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..answer.len() - 2 {
            assert_eq!(Head::read(&answer[..cut]).unwrap(), None);
        }
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!((head.status, &answer[head.body]), (200, &b"{}"[..]));
    }

    #[test]
    fn an_answer_without_a_length_is_empty() {
        let head = Head::read(b"HTTP/1.1 204 No Content\r\n\r\n");
        let body = 27..27;
        assert_eq!(head.unwrap(), Some(Head { status: 204, body }));
    }
}
