//! Frames: events as they stand on the wire, in the format of server-sent events.

use bytes::Bytes;
use mobius_store::events::{Event, Position, RunStanding};
use mobius_types::{EventType, RunId, Timestamp, WorkflowRunStatus};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

/// The kind of frame that says that a stream does not go on where the client wanted.
pub(crate) const RESET: &str = "reset";

/// What a stream sends when nothing else was to be sent for a while.
pub(super) const KEEP_ALIVE: Bytes = Bytes::from_static(b":keepalive\n\n");

/// An event as it is sent, shared by all streams that send it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) seq: i64,
    pub(super) run: RunId,
    /// Whether it says that its run has ended.
    pub(super) ends_run: bool,
    pub(super) bytes: Bytes,
}

impl From<&Event> for Frame {
    fn from(event: &Event) -> Self {
        let envelope = Envelope {
            kind: &event.kind,
            run_id: Some(event.run),
            seq: event.seq,
            timestamp: event.at,
            data: event.data.as_ref(),
            source: event.source.as_deref(),
            seed: false,
        };
        Self {
            seq: event.seq,
            run: event.run,
            ends_run: ends_run(event),
            bytes: envelope.render(),
        }
    }
}

/// The frame with which a run's stream begins: how the run stands now. Its number is that of the
/// position after which the stream goes on, so a client that notes it misses nothing.
pub(super) fn seed(run: RunId, standing: &RunStanding, seq: i64, now: Timestamp) -> Bytes {
    let mut data = json!({"status": standing.status, "attempt": standing.attempt});
    if standing.cancel_requested {
        data["cancel_requested"] = json!(true);
    }
    if let Some(message) = &standing.error_message {
        data["error_message"] = json!(message);
    }
    Envelope {
        kind: EventType::RunUpdated.as_str(),
        run_id: Some(run),
        seq,
        timestamp: now,
        data: &data,
        source: None,
        seed: true,
    }
    .render()
}

/// The frame that says that the stream goes on after `seq`, and not where the client wanted.
pub(super) fn reset(run: Option<RunId>, requested: i64, seq: i64, position: &Position) -> Bytes {
    let data = json!({
        "requested": requested,
        "oldest": position.oldest,
        "newest": position.head,
    });
    Envelope {
        kind: RESET,
        run_id: run,
        seq,
        timestamp: position.now,
        data: &data,
        source: None,
        seed: false,
    }
    .render()
}

/// What the data of every frame is wrapped in.
#[derive(Serialize)]
struct Envelope<'e, D: ?Sized> {
    #[serde(rename = "type")]
    kind: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    seq: i64,
    timestamp: Timestamp,
    data: &'e D,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'e RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    seed: bool,
}

impl<D: Serialize + ?Sized> Envelope<'_, D> {
    fn render(&self) -> Bytes {
        // JSON has no line breaks outside strings here, and escapes those inside.
        let json = serde_json::to_string(self).expect("what was JSON before can be written again");
        let (seq, kind) = (self.seq, self.kind);
        format!("id: {seq}\nevent: {kind}\ndata: {json}\n\n").into()
    }
}

/// Whether the event says that its run has ended. No worker can send that: the name is taken.
fn ends_run(event: &Event) -> bool {
    #[derive(Deserialize)]
    struct Updated {
        status: WorkflowRunStatus,
    }
    event.kind == EventType::RunUpdated.as_str()
        && serde_json::from_str(event.data.get())
            .is_ok_and(|Updated { status }| status.is_terminal())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            seq: 7,
            run: RunId::generate(),
            at: Timestamp::default(),
            kind: kind.to_owned(),
            data: RawValue::from_string(data.to_owned()).unwrap(),
            source: None,
        }
    }

    #[test]
    fn a_frame_is_three_lines_and_an_empty_one() {
        let event = event("progress", r#"{"text":"a\nb\r\nc"}"#);
        let frame = Frame::from(&event);
        let text = str::from_utf8(&frame.bytes).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[..2], ["id: 7", "event: progress"]);
        assert_eq!(lines[3..], ["", ""]);
        let envelope: Value =
            serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
        let expected = json!({
            "type": "progress", "run_id": event.run, "seq": 7,
            "timestamp": "1970-01-01T00:00:00Z", "data": {"text": "a\nb\r\nc"},
        });
        assert_eq!(envelope, expected);
    }

    #[test]
    fn only_our_own_word_on_a_run_ends_it() {
        for (kind, data, ends) in [
            ("run_updated", r#"{"status":"completed"}"#, true),
            ("run_updated", r#"{"status":"failed","attempt":2}"#, true),
            ("run_updated", r#"{"status":"running"}"#, false),
            ("job_updated", r#"{"status":"completed"}"#, false),
            ("done", r#"{"status":"completed"}"#, false),
        ] {
            assert_eq!(
                Frame::from(&event(kind, data)).ends_run,
                ends,
                "{kind} {data}"
            );
        }
    }
}
