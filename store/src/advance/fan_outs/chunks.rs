//! How a batch divides its work among the fan-outs of which more items are to be made.

use std::collections::HashSet;

use mobius_types::JobId;

use super::CHUNK;
use crate::advance::Ledger;

/// What the fan-outs get that were begun before.
#[derive(Default)]
pub(in crate::advance) struct Chunks {
    /// What each of them may take.
    share: u32,
    /// What is left for all of them.
    room: u32,
    /// Those that have had theirs. A second request in the same batch asks for nothing more.
    served: HashSet<JobId>,
}

impl Chunks {
    /// What this one gets; `None` when it has had it. Nothing when those before it took all, which
    /// only expensive expressions do: it is then the first in the next batch.
    pub(super) fn take(&mut self, fan_out: JobId) -> Option<u32> {
        let is_first = self.served.insert(fan_out);
        is_first.then(|| self.share.min(self.room))
    }

    /// So much was spent.
    pub(super) fn spend(&mut self, spent: u32) {
        self.room = self.room.saturating_sub(spent);
    }
}

impl Ledger<'_> {
    /// So many fan-outs are to get their next items.
    pub(in crate::advance) fn share_room(&mut self, fan_outs: usize) {
        let count = u32::try_from(fan_outs).unwrap_or(u32::MAX).max(1);
        self.chunks = Chunks {
            share: (CHUNK / count).max(1),
            room: CHUNK,
            served: HashSet::new(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fan_out_gets_its_share_once() {
        let mut chunks = Chunks {
            share: 250,
            room: 500,
            served: HashSet::new(),
        };
        let (one, other) = (JobId::generate(), JobId::generate());
        assert_eq!(chunks.take(one), Some(250));
        chunks.spend(250);
        assert_eq!(chunks.take(one), None);
        assert_eq!(chunks.take(other), Some(250));
        chunks.spend(400);
        assert_eq!(chunks.take(JobId::generate()), Some(0));
    }
}
