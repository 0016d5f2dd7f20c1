//! How large the parts of a request may be, how much a caller may have at a time, and how long
//! streams wait for whom.

use std::time::Duration;

/// What is larger or more is refused with a message that names it. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A workflow spec, as JSON.
    pub spec_bytes: usize,
    /// The inputs of a run, as JSON.
    pub inputs_bytes: usize,
    /// The result of an action.
    pub result_bytes: usize,
    /// The payload of one event of a worker, as JSON.
    pub event_bytes: usize,
    /// How many events of one job are taken a second, in the long run; 0 means any number. Ten
    /// times as many may come at once. Counted by each replica for itself.
    pub job_events_per_second: u32,
    /// How many streams and waiting calls of tools one key may have open at a time, at each
    /// replica; 0 means any number.
    pub streams_per_key: usize,
    /// How often a stream says that it lives, and looks at its key again. The look may see what
    /// was remembered for a second.
    pub keep_alive: Duration,
    /// How long a client may take none of the bytes that wait for it. Then it is disconnected.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // Children may have as much.
        let of_runs = mobius_store::Limits::default();
        Self {
            spec_bytes: 256 * 1024,
            inputs_bytes: of_runs.max_inputs_bytes,
            result_bytes: of_runs.max_result_bytes,
            event_bytes: 16 * 1024,
            job_events_per_second: 100,
            streams_per_key: 100,
            keep_alive: Duration::from_secs(14),
            stall: Duration::from_secs(30),
        }
    }
}

/// The most events of a batch.
pub(crate) const MAX_EVENTS: usize = 100;

/// What a body may have beside its large parts.
const ROOM: usize = 512 * 1024;

impl Limits {
    /// The largest body where a route does not say otherwise: a spec, inputs, and room. JSON may
    /// be written with spaces, so there is twice the room that the compact form needs.
    pub(crate) const fn body(self) -> usize {
        2 * (self.spec_bytes + self.inputs_bytes) + ROOM
    }

    /// The largest body of one report: a result in base64, and room.
    pub(crate) const fn report(self) -> usize {
        self.result_bytes.div_ceil(3) * 4 + ROOM
    }

    /// The largest body of a batch of events. JSON may be written with spaces, so there is twice
    /// the room that the compact form needs.
    pub(crate) const fn events(self) -> usize {
        2 * self.event_bytes * MAX_EVENTS + ROOM
    }

    /// The largest body of several reports. It does not hold the largest result many times: a
    /// worker with large results sends fewer reports a call.
    pub(crate) const fn reports(self) -> usize {
        3 * self.report()
    }
}
