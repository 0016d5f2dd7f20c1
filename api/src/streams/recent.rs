//! The newest frames of a project, without a gap between them, and bounded in number and bytes.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use mobius_types::RunId;

use super::frame::Frame;

/// The most frames that are kept.
const MAX_FRAMES: usize = 2_048;

/// The most bytes that are kept.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A stream takes frames until it has so many …
const TAKE_FRAMES: usize = 64;

/// … or so many bytes. What it has taken it holds until its client has it.
const TAKE_BYTES: usize = 64 * 1024;

/// The newest frames.
#[derive(Debug, Default)]
pub(super) struct Recent {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// The number of the newest frame, kept or not; none before the reader knows it.
    head: Option<i64>,
}

/// What is there after a number.
#[derive(Debug)]
pub(super) enum Taken {
    /// These frames, and nothing else up to the number that is given.
    Frames(VecDeque<Bytes>, i64),
    /// Nothing yet.
    UpToDate,
    /// More than is kept here: the table has it.
    Behind,
}

impl Recent {
    /// The number of the newest frame that was read.
    pub(super) fn head(&self) -> Option<i64> {
        self.head
    }

    /// Goes on after a number that does not follow what was there before.
    pub(super) fn start_after(&mut self, head: i64) {
        self.frames.clear();
        self.bytes = 0;
        self.head = Some(head);
    }

    /// Adds frames that follow the newest one.
    pub(super) fn push(&mut self, frames: impl IntoIterator<Item = Arc<Frame>>) {
        for frame in frames {
            self.head = Some(frame.seq);
            self.bytes += frame.bytes.len();
            self.frames.push_back(frame);
            while self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
                let Some(oldest) = self.frames.pop_front() else {
                    break;
                };
                self.bytes -= oldest.bytes.len();
            }
        }
    }

    /// Some frames after the number, of one run or of all.
    pub(super) fn take(&self, after: i64, run: Option<RunId>) -> Taken {
        let Some(head) = self.head.filter(|head| after < *head) else {
            return Taken::UpToDate;
        };
        let skipped = self
            .frames
            .front()
            .and_then(|first| usize::try_from(after + 1 - first.seq).ok());
        let Some(skipped) = skipped else {
            return Taken::Behind;
        };
        let (mut taken, mut bytes, mut upto) = (VecDeque::new(), 0, head);
        for frame in self.frames.range(skipped.min(self.frames.len())..) {
            if taken.len() == TAKE_FRAMES || bytes >= TAKE_BYTES {
                upto = frame.seq - 1;
                break;
            }
            if run.is_none_or(|run| run == frame.run) {
                bytes += frame.bytes.len();
                taken.push_back(frame.bytes.clone());
            }
        }
        Taken::Frames(taken, upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: i64, run: RunId, size: usize) -> Arc<Frame> {
        Arc::new(Frame {
            seq,
            run,
            ends_run: false,
            bytes: vec![b'x'; size].into(),
        })
    }

    fn filled(count: i64, runs: &[RunId], size: usize) -> Recent {
        let mut recent = Recent::default();
        recent.start_after(0);
        let frame = |seq: i64| {
            let place = usize::try_from(seq).unwrap() % runs.len();
            frame(seq, runs[place], size)
        };
        recent.push((1..=count).map(frame));
        recent
    }

    /// Takes until nothing is left; returns how many frames and how often.
    fn take_all(recent: &Recent, mut after: i64, run: Option<RunId>) -> (usize, usize) {
        let (mut count, mut times) = (0, 0);
        loop {
            match recent.take(after, run) {
                Taken::Frames(frames, upto) => {
                    assert!(upto > after, "no progress");
                    assert!(frames.len() <= TAKE_FRAMES);
                    count += frames.len();
                    times += 1;
                    after = upto;
                }
                Taken::UpToDate => return (count, times),
                Taken::Behind => panic!("behind at {after}"),
            }
        }
    }

    #[test]
    fn every_frame_is_taken_once_in_small_portions() {
        let runs = [RunId::generate(), RunId::generate()];
        let recent = filled(1_000, &runs, 10);
        assert_eq!(take_all(&recent, 0, None), (1_000, 16));
        assert_eq!(take_all(&recent, 0, Some(runs[0])), (500, 8));
        assert_eq!(take_all(&recent, 990, Some(runs[1])), (5, 1));
        assert_eq!(take_all(&recent, 0, Some(RunId::generate())), (0, 1));
        let large = filled(10, &runs, TAKE_BYTES);
        assert_eq!(take_all(&large, 0, None), (10, 10));
    }

    #[test]
    fn what_was_dropped_is_behind_and_what_is_kept_is_bounded() {
        let runs = [RunId::generate()];
        for (count, size) in [(5_000, 1), (100, 100_000), (3, MAX_BYTES + 1)] {
            let recent = filled(count, &runs, size);
            assert!(recent.frames.len() <= MAX_FRAMES && recent.bytes <= MAX_BYTES);
            assert!(matches!(recent.take(0, None), Taken::Behind));
            let kept = i64::try_from(recent.frames.len()).unwrap();
            assert!(matches!(recent.take(count, None), Taken::UpToDate));
            if kept > 0 {
                assert_eq!(
                    i64::try_from(take_all(&recent, count - kept, None).0).unwrap(),
                    kept
                );
                assert!(matches!(recent.take(count - kept - 1, None), Taken::Behind));
            }
        }
    }

    #[test]
    fn nothing_is_known_before_the_start_and_after_a_jump() {
        let mut recent = Recent::default();
        assert!(matches!(recent.take(0, None), Taken::UpToDate));
        recent = filled(10, &[RunId::generate()], 1);
        recent.start_after(50);
        assert!(matches!(recent.take(10, None), Taken::Behind));
        assert!(matches!(recent.take(50, None), Taken::UpToDate));
        // A stream may have read further than the reader.
        assert!(matches!(recent.take(60, None), Taken::UpToDate));
    }
}
