//! What a batch changes, collected in memory until all of it is written.

use std::{collections::BTreeMap, time::Duration};

use mobius_engine::{JobError, RetryProgress};
use mobius_types::{JobId, JobStatus, RunId, Timestamp, UserId};

use super::{Input, cancel, load::LockedJob};
use crate::{
    events::Frames, interactions::InteractionChanges, jobs::JobRow, limits::LimitChanges,
    runs::NewRun, signals::SignalChanges, timers::TimerChanges,
};

/// The changes of all tables but the runs, which carry their own.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) jobs: Vec<JobChange>,
    pub(super) attempts: Vec<EndedAttempt>,
    pub(super) new_jobs: Vec<JobRow>,
    /// Runs of which everything stops that was there before this batch, and where among their
    /// frames it does.
    pub(super) stopped: BTreeMap<RunId, usize>,
    pub(super) timers: TimerChanges,
    pub(super) signals: SignalChanges,
    pub(super) interactions: InteractionChanges,
    /// How many items that stand back of each fan-out are released.
    pub(super) releases: BTreeMap<JobId, u32>,
    /// Fan-outs of which everything stops that was there before this batch, and where among the
    /// frames of their runs they do.
    pub(super) stopped_fan_outs: BTreeMap<JobId, usize>,
    /// Fan-outs of retried runs, by visit.
    pub(super) restarted: Vec<(RunId, i32)>,
    /// What it all means for limits.
    pub(super) limits: LimitChanges,
    /// Jobs that the control plane has claimed.
    pub(super) claims: Vec<ServerClaim>,
    /// What is left to do between runs and children.
    pub(super) child_tasks: Vec<ChildTask>,
    /// Children that were started.
    pub(super) new_runs: Vec<NewRun>,
    pub(super) frames: Frames,
}

/// What is left to do between a run and its child: in a transaction of its own, because a run is
/// locked before its jobs.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChildTask {
    pub(super) child: RunId,
    /// The job that started the child.
    pub(super) job: JobId,
    /// What is to be done.
    pub(super) kind: ChildTaskKind,
}

/// What there can be left to do between a run and its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildTaskKind {
    /// The child has ended, and the job is to end.
    End,
    /// The child is to be cancelled, because the job of this run waits for it no more.
    Cancel { parent: RunId },
}

impl ChildTask {
    /// The input that does it.
    pub(super) fn input(self) -> Input {
        let Self { child, job, kind } = self;
        match kind {
            ChildTaskKind::End => Input::ChildEnded { job, child },
            ChildTaskKind::Cancel { parent } => cancel(child, parent),
        }
    }
}

/// A job that the control plane has claimed.
pub(super) struct ServerClaim {
    pub(super) job: JobId,
    /// The attempt that this is.
    pub(super) attempt: i32,
    /// The run that it started.
    pub(super) child: Option<RunId>,
}

/// The new values of the row of a job whose attempt ended.
pub(super) struct JobChange {
    pub(super) id: JobId,
    /// The attempt that ended; the row must still have it.
    pub(super) attempt: i32,
    pub(super) status: JobStatus,
    pub(super) delay: Duration,
    pub(super) max_attempts: i32,
    pub(super) rescues: i32,
    pub(super) progress: RetryProgress,
    pub(super) timeout_ms: Option<i64>,
    pub(super) result: Option<Vec<u8>>,
    pub(super) error: Option<JobError>,
    /// Whether the worker's fence stays on the ended job, so that it may repeat its report.
    pub(super) keeps_fence: bool,
}

impl JobChange {
    /// The row of a job as it now stands in memory.
    pub(super) fn of(job: &LockedJob, delay: Duration, error: Option<JobError>) -> Self {
        Self {
            id: job.id,
            attempt: job.attempt,
            status: job.status,
            delay,
            max_attempts: job.max_attempts,
            rescues: job.rescues,
            progress: job.progress,
            timeout_ms: job.timeout_ms,
            result: None,
            error,
            keeps_fence: false,
        }
    }
}

/// An attempt that another one follows.
pub(super) struct EndedAttempt {
    pub(super) job: JobId,
    pub(super) run: RunId,
    pub(super) attempt: i32,
    pub(super) worker: String,
    pub(super) reported_by: Option<UserId>,
    pub(super) error: JobError,
    pub(super) claimed_at: Timestamp,
}
