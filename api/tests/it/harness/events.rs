//! A client of an event stream, which reads it as any client of server-sent events does.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;

use super::Caller;

/// Longer than any event takes, so that a stream that stays silent fails its test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) id: i64,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Frame {
    /// The fields of a frame as they stand on the wire.
    fn parse(block: &str) -> Frame {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name:?} in {block:?}"))
        };
        let frame = Frame {
            id: field("id: ").parse().unwrap(),
            event: field("event: ").to_owned(),
            data: serde_json::from_str(field("data: ")).unwrap(),
        };
        assert_eq!(frame.data["seq"], frame.id, "{block}");
        assert_eq!(frame.data["type"], frame.event, "{block}");
        frame
    }
}

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    /// Received, and not a whole frame yet.
    rest: Vec<u8>,
    /// How many comments were passed over.
    pub(crate) comments: usize,
}

impl EventStream {
    /// Opens a stream, which must be let in.
    pub(crate) async fn open(caller: &Caller, path: &str) -> EventStream {
        let response = caller.request(Method::GET, path).send().await.unwrap();
        EventStream::of(response)
    }

    /// The stream of an answer.
    pub(crate) fn of(response: Response) -> EventStream {
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-cache");
        assert_eq!(header("x-accel-buffering"), "no");
        EventStream {
            response,
            rest: Vec::new(),
            comments: 0,
        }
    }

    /// The next frame; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        while let Some(block) = self.next_block().await {
            if !block.starts_with(':') {
                return Some(Frame::parse(&block));
            }
            self.comments += 1;
        }
        None
    }

    /// The next frames, which there must be.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            frames.push(self.next().await.expect("the stream goes on"));
        }
        frames
    }

    /// The next frame or comment.
    pub(crate) async fn next_block(&mut self) -> Option<String> {
        loop {
            let end = self.rest.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let block: Vec<u8> = self.rest.drain(..end + 2).collect();
                return Some(String::from_utf8(block).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            // A connection that is cut off is an end too.
            let chunk = chunk.expect("the stream is silent").ok().flatten()?;
            self.rest.extend_from_slice(&chunk);
        }
    }
}
