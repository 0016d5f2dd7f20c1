//! How large the parts of a request may be.

/// Sizes in bytes; what is larger is refused with a message that names the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A workflow spec, as JSON.
    pub spec_bytes: usize,
    /// The inputs of a run, as JSON.
    pub inputs_bytes: usize,
    /// The result of an action.
    pub result_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spec_bytes: 256 * 1024,
            inputs_bytes: 1024 * 1024,
            result_bytes: 4 * 1024 * 1024,
        }
    }
}

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

    /// The largest body of several reports. It does not hold the largest result many times: a
    /// worker with large results sends fewer reports a call.
    pub(crate) const fn reports(self) -> usize {
        3 * self.report()
    }
}
