//! Marks: from where on claims walk a lane.
//!
//! A claimed job leaves a dead entry behind in the index of waiting jobs, which goes once no open
//! snapshot can see it. A dump or a long report holds one open for minutes, and each claim would walk
//! over all that was claimed since. So a claim notes how far it came, and the next one begins there.
//!
//! Nothing depends on a mark: it is a little behind what was claimed, so that a job is found whose
//! transaction took longer than that of a later one, and no mark outlives the last walk through the
//! whole lane by more than a second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use mobius_types::{ProjectId, Timestamp};

/// How long marks hold: the longest that a job waits which stands before one.
const LIFETIME: Duration = Duration::from_secs(1);

/// The marks of a project, as columns.
#[derive(Debug, Clone, Default)]
pub struct LaneMarks {
    walk: Walk,
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

/// What the marks of a claim go back to: the last claim that walked whole lanes.
#[derive(Debug, Clone, Copy)]
struct Walk {
    began_at: Instant,
    /// How often marks had been forgotten by then.
    forgotten: u64,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            began_at: Instant::now(),
            forgotten: 0,
        }
    }
}

struct Lanes {
    walk: Walk,
    marks: HashMap<(String, String), Timestamp>,
}

/// The marks of all projects from which this process claims.
#[derive(Default)]
pub(crate) struct Marks {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    projects: HashMap<ProjectId, Lanes>,
    forgotten: u64,
}

impl Marks {
    /// Where the lanes of the project begin; what isn't named begins with its first job.
    pub(crate) fn of(&self, project: ProjectId) -> LaneMarks {
        let mut known = self.lock();
        known
            .projects
            .retain(|_, lanes| lanes.walk.began_at.elapsed() < LIFETIME);
        let Some(lanes) = known.projects.get(&project) else {
            let walk = Walk {
                forgotten: known.forgotten,
                ..Walk::default()
            };
            return LaneMarks {
                walk,
                ..LaneMarks::default()
            };
        };
        let mut columns = LaneMarks {
            walk: lanes.walk,
            ..LaneMarks::default()
        };
        for ((queue, action), since) in &lanes.marks {
            columns.queues.push(queue.clone());
            columns.actions.push(action.clone());
            columns.since.push(*since);
        }
        columns
    }

    /// Notes how far a claim came that began at `from`. What was forgotten meanwhile stays so.
    pub(crate) fn note(&self, project: ProjectId, from: &LaneMarks, marks: Vec<Mark>) {
        let mut known = self.lock();
        if marks.is_empty() || from.walk.forgotten != known.forgotten {
            return;
        }
        let lanes = known.projects.entry(project).or_insert_with(|| Lanes {
            walk: from.walk,
            marks: HashMap::new(),
        });
        for mark in marks {
            lanes.marks.insert((mark.queue, mark.action), mark.since);
        }
    }

    /// Has the next claims walk all of the projects' lanes: something may stand before the marks.
    pub(crate) fn forget(&self, projects: &[ProjectId]) {
        let mut known = self.lock();
        known.forgotten += 1;
        known.projects.retain(|id, _| !projects.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Vec<Mark> {
        vec![Mark {
            queue: "default".to_owned(),
            action: "echo".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        }]
    }

    fn count(marks: &Marks, project: ProjectId) -> usize {
        marks.of(project).since.len()
    }

    #[test]
    fn a_mark_holds_for_its_project() {
        let (marks, project) = (Marks::default(), ProjectId::generate());
        marks.note(project, &marks.of(project), mark());
        assert_eq!(count(&marks, project), 1);
        assert_eq!(count(&marks, ProjectId::generate()), 0);
    }

    #[test]
    fn a_claim_in_flight_does_not_bring_back_what_was_forgotten() {
        let (marks, project) = (Marks::default(), ProjectId::generate());
        let began = marks.of(project);
        marks.forget(&[project]);
        marks.note(project, &began, mark());
        assert_eq!(count(&marks, project), 0);
    }

    #[test]
    fn marks_that_go_back_to_an_old_walk_are_as_old() {
        let (marks, project) = (Marks::default(), ProjectId::generate());
        let mut began = marks.of(project);
        began.walk.began_at -= LIFETIME;
        marks.note(project, &began, mark());
        assert_eq!(count(&marks, project), 0);
    }
}
