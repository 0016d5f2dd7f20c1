//! What a batch of inputs names.

use mobius_types::{JobId, RunId};
use uuid::Uuid;

use crate::advance::Input;

/// What the inputs name.
pub(in crate::advance) struct Wanted {
    pub(super) jobs: Vec<Uuid>,
    pub(super) runs: Vec<Uuid>,
    /// The runs that are to be cancelled.
    pub(super) cancelled: Vec<Uuid>,
    pub(super) interactions: Vec<Uuid>,
}

impl Wanted {
    pub(in crate::advance) fn of(inputs: &[Input]) -> Self {
        Self {
            jobs: ids(inputs, |input| input.job().map(JobId::as_uuid)),
            runs: ids(inputs, |input| input.run().map(RunId::as_uuid)),
            cancelled: ids(inputs, |input| match input {
                Input::Cancel { run, .. } => Some(run.as_uuid()),
                Input::JobEnded(_)
                | Input::TimerFired { .. }
                | Input::Signal { .. }
                | Input::Answered { .. }
                | Input::Resume { .. }
                | Input::Retry { .. } => None,
            }),
            interactions: ids(inputs, |input| match input {
                Input::Answered { answer, .. } => Some(answer.interaction.as_uuid()),
                Input::JobEnded(_)
                | Input::TimerFired { .. }
                | Input::Signal { .. }
                | Input::Resume { .. }
                | Input::Cancel { .. }
                | Input::Retry { .. } => None,
            }),
        }
    }
}

/// What `id` gives for each input that has it.
pub(super) fn ids(inputs: &[Input], id: impl Fn(&Input) -> Option<Uuid>) -> Vec<Uuid> {
    inputs.iter().filter_map(id).collect()
}
