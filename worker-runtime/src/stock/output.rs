//! Text from outside, cut and made fit for a job's result.

/// What is beyond this is dropped.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Bytes that grow up to a bound; what is over is counted as cut, not kept.
#[derive(Default)]
pub(super) struct Capped {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Capped {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let room = MAX_BYTES - self.bytes.len();
        self.truncated |= chunk.len() > room;
        self.bytes
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    pub(super) fn truncated(&self) -> bool {
        self.truncated
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As text. The database can't hold NUL, and bytes that are not UTF-8 have no JSON.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace('\0', "\u{fffd}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_at_the_bound_and_says_so() {
        let mut output = Capped::default();
        output.push(&vec![b'a'; MAX_BYTES - 1]);
        output.push(b"b");
        assert!(!output.truncated());
        output.push(b"c");
        assert!(output.truncated());
        assert_eq!(output.text().len(), MAX_BYTES);
    }

    #[test]
    fn text_has_no_nul_and_no_broken_characters() {
        let mut output = Capped::default();
        output.push(b"a\0\xff");
        assert_eq!(output.text(), "a\u{fffd}\u{fffd}");
    }
}
