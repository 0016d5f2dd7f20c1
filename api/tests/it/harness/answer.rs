//! An answer of the server, read to its end, with the assertions that all tests share.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Reads an answer, and no body of one that has no end.
    pub(crate) async fn read(response: reqwest::Response) -> Answer {
        let declared = response.headers().get(CONTENT_TYPE);
        let is_endless = declared.is_some_and(|declared| declared == "text/event-stream");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: match is_endless {
                true => String::new(),
                false => response.text().await.unwrap(),
            },
        }
    }

    /// The body as JSON; null when there is none.
    pub(crate) fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn with_status(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The message of an error that must have this status and code, in the envelope and with
    /// nothing beside it.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> String {
        let body = self.with_status(status);
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "no message: {body}");
        let envelope = serde_json::json!({"error": {"code": code, "message": message}});
        assert_eq!(body, envelope);
        message.to_owned()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
