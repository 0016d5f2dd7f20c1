//! A feed: what a project's reader and the streams of the project share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mobius_types::{ProjectId, RunId};
use tokio::sync::{Notify, watch};

use super::{
    ends::{End, Ends},
    frame::Frame,
    recent::{Recent, Taken},
};

/// The number before the reader knows one.
const UNKNOWN: i64 = -1;

/// The newest frames of a project, and who waits for more.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) project: ProjectId,
    recent: Mutex<Recent>,
    /// The number of the newest frame that was read.
    head: watch::Sender<i64>,
    /// Has the reader look.
    pub(super) wake: Notify,
    /// Who waits for the end of a run.
    ends: Arc<Ends>,
}

impl Feed {
    pub(super) fn new(project: ProjectId) -> Self {
        Self {
            project,
            recent: Mutex::default(),
            head: watch::Sender::new(UNKNOWN),
            wake: Notify::new(),
            ends: Arc::default(),
        }
    }

    /// The number of the newest frame that was read.
    pub(super) fn head(&self) -> Option<i64> {
        self.recent().head()
    }

    /// Changes whenever there are new frames.
    pub(super) fn news(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// Some frames after the number, of one run or of all.
    pub(super) fn take(&self, after: i64, run: Option<RunId>) -> Taken {
        self.recent().take(after, run)
    }

    /// Goes on after a number that does not follow what was there before.
    pub(super) fn start_after(&self, head: i64) {
        self.recent().start_after(head);
        self.head.send_replace(head);
    }

    /// Adds frames that follow the newest one.
    pub(super) fn push(&self, frames: &[Arc<Frame>]) {
        let Some(newest) = frames.last() else { return };
        self.recent().push(frames.iter().cloned());
        self.head.send_replace(newest.seq);
        let ended = frames.iter().filter(|frame| frame.ends_run);
        self.ends.tell(ended.map(|frame| frame.run));
    }

    /// Waits until the reader knows where it starts: every event after that is seen.
    pub(super) async fn started(&self) {
        // It can't fail: the sender is ours.
        let _ = self.news().wait_for(|head| *head != UNKNOWN).await;
    }

    /// Waits for a frame that says that the run has ended.
    pub(super) fn end_of(&self, run: RunId) -> End {
        self.ends.of(run)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
