//! Marks: from where on claims walk a lane.
//!
//! A claimed job leaves a dead entry behind in the index of waiting jobs, which goes once no open
//! snapshot can see it. A dump or a long report holds one open for minutes, and each claim would walk
//! over all that was claimed since. So a claim notes how far it came, and the next one begins there.
//!
//! Nothing depends on a mark: it is a little behind what was claimed, so that a job is found whose
//! transaction took longer than that of a later one, and after a second the whole lane is walked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mobius_types::{ProjectId, Timestamp};

/// How long marks hold: the longest that a job waits which stands before one.
const LIFETIME: Duration = Duration::from_secs(1);

/// The marks of a project, as columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneMarks {
    pub(super) queues: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) since: Vec<Timestamp>,
}

/// A lane, and how far a claim came in it.
#[derive(Debug)]
pub struct Mark {
    pub(super) queue: String,
    pub(super) action: String,
    pub(super) since: Timestamp,
}

struct Lanes {
    noted_at: Instant,
    marks: HashMap<(String, String), Timestamp>,
}

/// The marks of all projects from which this process claims.
#[derive(Default)]
pub(crate) struct Marks {
    projects: Mutex<HashMap<ProjectId, Lanes>>,
}

impl Marks {
    /// Where the lanes of the project begin; what isn't named begins with its first job.
    pub(crate) fn of(&self, project: ProjectId) -> LaneMarks {
        let mut projects = self.lock();
        projects.retain(|_, lanes| lanes.noted_at.elapsed() < LIFETIME);
        let mut columns = LaneMarks::default();
        for ((queue, action), since) in projects.get(&project).iter().flat_map(|it| &it.marks) {
            columns.queues.push(queue.clone());
            columns.actions.push(action.clone());
            columns.since.push(*since);
        }
        columns
    }

    /// Notes how far a claim came. A mark never lives longer than the first that was noted with it.
    pub(crate) fn note(&self, project: ProjectId, marks: Vec<Mark>) {
        if marks.is_empty() {
            return;
        }
        let mut projects = self.lock();
        let lanes = projects.entry(project).or_insert_with(|| Lanes {
            noted_at: Instant::now(),
            marks: HashMap::new(),
        });
        for mark in marks {
            lanes.marks.insert((mark.queue, mark.action), mark.since);
        }
    }

    /// Has the next claim walk all of the project's lanes: something stands before its marks.
    pub(crate) fn forget(&self, project: ProjectId) {
        self.lock().remove(&project);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Lanes>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
