//! What a batch of inputs names.

use std::collections::BTreeSet;

use mobius_types::{JobId, RunId};
use uuid::Uuid;

use crate::advance::Input;

/// What the inputs name.
#[derive(Default)]
pub(in crate::advance) struct Wanted {
    pub(super) jobs: Vec<Uuid>,
    pub(super) runs: Vec<Uuid>,
    /// The runs that are to be cancelled.
    pub(super) cancelled: Vec<Uuid>,
    pub(super) interactions: Vec<Uuid>,
    /// The fan-outs of which more items are to be made.
    pub(super) fan_outs: Vec<Uuid>,
    /// The jobs that are to start a child.
    pub(super) starts: Vec<Uuid>,
    /// The children that have ended.
    pub(super) children: Vec<Uuid>,
}

impl Wanted {
    pub(in crate::advance) fn of(inputs: &[Input]) -> Self {
        let mut wanted = Self::default();
        for input in inputs {
            wanted.jobs.extend(input.job().map(JobId::as_uuid));
            wanted.runs.extend(input.run().map(RunId::as_uuid));
            match input {
                Input::Cancel { run, .. } => wanted.cancelled.push(run.as_uuid()),
                Input::Answered { answer, .. } => {
                    wanted.interactions.push(answer.interaction.as_uuid());
                }
                Input::Chunk { fan_out, .. } => wanted.fan_outs.push(fan_out.as_uuid()),
                Input::StartChild { job, .. } => wanted.starts.push(job.as_uuid()),
                Input::ChildEnded { child, .. } => wanted.children.push(child.as_uuid()),
                Input::JobEnded(_)
                | Input::TimerFired { .. }
                | Input::Signal { .. }
                | Input::Resume { .. }
                | Input::Retry { .. } => {}
            }
        }
        wanted
    }

    /// How many fan-outs there are of which more items are to be made.
    pub(in crate::advance) fn fan_outs(&self) -> usize {
        self.fan_outs.iter().collect::<BTreeSet<_>>().len()
    }

    /// Nothing but these runs.
    pub(in crate::advance) fn of_runs(runs: Vec<Uuid>) -> Self {
        Self {
            runs,
            ..Self::default()
        }
    }
}

/// What `id` gives for each input that has it.
pub(super) fn ids(inputs: &[Input], id: impl Fn(&Input) -> Option<Uuid>) -> Vec<Uuid> {
    inputs.iter().filter_map(id).collect()
}
