//! Steps that wait for a time.

use mobius_types::WorkflowSleepConfig;

use super::{
    Entered, Entry,
    duration::{DurationTemplate, Least},
};
use crate::{
    expression::Fault,
    problem::{Path, Problems},
    waiting::Waiting,
};

/// A compiled step that waits for a time.
#[derive(Debug)]
pub(crate) struct SleepStep {
    duration: DurationTemplate,
}

pub(super) fn compile(
    path: &Path<'_>,
    config: &WorkflowSleepConfig,
    problems: &mut Problems,
) -> SleepStep {
    let path = path.field("duration");
    SleepStep {
        duration: DurationTemplate::compile(&path, &config.duration, Least::Zero, problems),
    }
}

impl SleepStep {
    /// A sleep of no time needs no timer.
    pub(crate) fn enter(&self, entry: &mut Entry<'_>) -> Result<Entered, Fault> {
        let duration = self.duration.render(&entry.scope, entry.budget)?;
        if duration.is_zero() {
            return Ok(Entered::Passes(None));
        }
        let until = duration.end(entry.now)?;
        Ok(Entered::Waits(Waiting::Time { until }, Vec::new()))
    }
}
