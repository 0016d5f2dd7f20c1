//! Numbers that decide everything about a case. Fewer and smaller ones mean less, so that a case
//! that fails shrinks to one that can be read.

/// A sequence of choices; zeros follow its end.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    numbers: Vec<u16>,
    at: usize,
}

impl Choices {
    pub(super) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers, at: 0 }
    }

    /// One of so many.
    pub(super) fn of(&mut self, count: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        usize::from(number) % count
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.of(times) == times - 1
    }

    pub(super) fn are_left(&self) -> bool {
        self.at < self.numbers.len()
    }
}
