//! What a transition is decided from: the run as its caller has loaded it.

use std::collections::BTreeMap;

use mobius_types::JsonObject;

use crate::{definition::Definition, event::Signal};

/// What expressions see of a run under `run`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunFacts {
    /// `run.id`.
    pub id: String,
    /// `run.attempt`: how often the run was started.
    pub attempt: i32,
    /// `run.metadata`: the caller's labels.
    pub metadata: BTreeMap<String, String>,
    /// `run.external_id`: the caller's own id, or `null`.
    pub external_id: Option<String>,
}

/// How large a run may grow before it fails with `limit_exceeded`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Step executions, retries not counted.
    pub max_jobs: u32,
    /// Branches at the same time.
    pub max_branches: usize,
    /// The variables of all branches together, in bytes of JSON.
    pub max_state_bytes: usize,
    /// How often a job is handed out again after its worker was lost.
    pub max_rescues: i32,
    /// Items of `each` steps at the same time.
    pub max_items: u32,
    /// The parameters of the items of one `each` step together, in bytes of JSON.
    pub max_item_bytes: u64,
    /// The inputs of a child, in bytes of JSON.
    pub max_inputs_bytes: usize,
    /// What a child gives back, in bytes of JSON.
    pub max_result_bytes: usize,
    /// Runs of a project that are children and have not ended.
    pub max_live_children: u32,
    /// Signals that nothing has consumed yet.
    pub max_stored_signals: u32,
    /// The payloads of those together, in bytes of JSON.
    pub max_stored_signal_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_jobs: 100_000,
            max_branches: 10_000,
            max_state_bytes: 8 * 1024 * 1024,
            max_rescues: 5,
            max_items: 10_000,
            max_item_bytes: 256 * 1024 * 1024,
            max_inputs_bytes: 1024 * 1024,
            max_result_bytes: 4 * 1024 * 1024,
            max_live_children: 100_000,
            max_stored_signals: 1_000,
            max_stored_signal_bytes: 8 * 1024 * 1024,
        }
    }
}

/// A run, locked by the caller until the transition is stored. Its state comes beside it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The workflow's definition: the same one for the whole life of the run.
    pub definition: &'a Definition,
    /// The inputs, checked and with defaults filled in.
    pub inputs: &'a JsonObject,
    /// What expressions see of the run.
    pub facts: &'a RunFacts,
    /// How large it may grow.
    pub limits: &'a Limits,
    /// The run's signals that nothing has consumed yet, oldest first, without that of the event.
    /// Need not be loaded while [`crate::RunState::stored_signals`] is zero.
    pub signals: &'a [Signal],
}
