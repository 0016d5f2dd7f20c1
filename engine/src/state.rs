//! Where a run stands: stored as one document per run, loaded for each event, so it is compact.
//!
//! Steps are kept by their index: a run keeps its definition for life. A branch that has ended
//! leaves its variables behind only when an output reads them. A failed run keeps its branches
//! where they stood, so that a retry can go on from there.

use std::{collections::BTreeMap, sync::Arc};

use mobius_types::JsonObject;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::Signal,
    json::{written_object_size, written_size},
    waiting::Waiting,
};

/// The state of a run. The default is a run that has not started yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RunState {
    #[serde(default)]
    pub(crate) phase: Phase,
    /// How many step executions there were, those before a retry of the run included.
    #[serde(default)]
    pub(crate) visits: i32,
    /// How many branches got a generated name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) generated: u32,
    /// How many items of `each` steps there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) items: u32,
    /// How many of them belong to a step that a branch is at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) live_items: u32,
    /// About how large the variables of all branches are, written as JSON, with what they wait
    /// for.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// The branches that are going, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) branches: BTreeMap<String, Branch>,
    /// The final variables of ended branches that an output or a join reads. Of a branch that a
    /// join only waits for they are empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ended: BTreeMap<String, Variables>,
    /// The signals that nothing has consumed yet.
    #[serde(default, skip_serializing_if = "StoredSignals::is_empty")]
    pub(crate) stored: StoredSignals,
}

/// How far a run has come.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    #[default]
    New,
    Live,
    /// Cancelled, while workers still hold jobs.
    Cancelling {
        /// What the run's error will say.
        reason: String,
        /// How many jobs are still held.
        claimed: u32,
    },
    Completed,
    /// Its branches stay where they were, for a retry.
    Failed,
    /// What was stored of it can't be read.
    Lost,
}

/// See [`RunState::mark`].
#[derive(PartialEq, Eq)]
pub(crate) struct Mark {
    phase: Phase,
    visits: i32,
    branches: usize,
    bytes: u64,
    stored: StoredSignals,
}

/// A branch that is going.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Branch {
    /// The index of its current step.
    pub(crate) step: usize,
    /// Which step execution this is.
    pub(crate) visit: i32,
    #[serde(default, skip_serializing_if = "Waiting::is_job")]
    pub(crate) waits: Waiting,
    pub(crate) variables: Variables,
}

/// Signals that wait to be consumed. They themselves are rows of the caller's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredSignals {
    pub(crate) count: u32,
    /// The size of their payloads, written as JSON.
    pub(crate) bytes: u64,
}

impl StoredSignals {
    const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn add(&mut self, signal: &Signal) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(signal.size());
    }

    pub(crate) fn remove(&mut self, signal: &Signal) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(signal.size());
    }
}

/// The variables of a branch, copied when they are written to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Variables(Arc<JsonObject>);

impl Variables {
    pub(crate) fn new(values: JsonObject) -> Self {
        Self(Arc::new(values))
    }

    pub(crate) fn values(&self) -> &JsonObject {
        &self.0
    }

    pub(crate) fn into_values(self) -> JsonObject {
        Arc::unwrap_or_clone(self.0)
    }

    pub(crate) fn size(&self) -> u64 {
        written_object_size(&self.0)
    }

    fn set(&mut self, name: &str, value: Value) {
        Arc::make_mut(&mut self.0).insert(name.to_owned(), value);
    }
}

impl RunState {
    /// What stands for a stored state that can't be read. The run has failed for good.
    #[must_use]
    pub fn lost() -> Self {
        Self {
            phase: Phase::Lost,
            ..Self::default()
        }
    }

    /// Whether it stands for a stored state that can't be read.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self.phase, Phase::Lost)
    }

    /// Whether nothing more will happen to the run by itself.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Failed | Phase::Lost)
    }

    /// Tells two states of a run apart without a look at its branches: whatever changes one of
    /// them gives out a visit, ends a branch or changes the phase.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            phase: self.phase.clone(),
            visits: self.visits,
            branches: self.branches.len(),
            bytes: self.bytes,
            stored: self.stored,
        }
    }

    /// Whether the run goes on and every branch waits for a signal, a time, a resume, an answer or
    /// a join: nobody has anything to do for it before something happens outside.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        let mut branches = self.branches.values();
        self.phase == Phase::Live && branches.all(|branch| branch.waits.is_parked())
    }

    /// Whether the run was cancelled and workers still hold jobs of it.
    #[must_use]
    pub const fn is_cancelling(&self) -> bool {
        matches!(self.phase, Phase::Cancelling { .. })
    }

    /// How many signals nothing has consumed yet.
    #[must_use]
    pub const fn stored_signals(&self) -> u32 {
        self.stored.count
    }

    /// The size of the payloads of the signals that nothing has consumed yet, written as JSON.
    #[must_use]
    pub const fn stored_signal_bytes(&self) -> u64 {
        self.stored.bytes
    }

    /// Puts a branch where it waits.
    pub(crate) fn park(&mut self, name: String, branch: Branch) {
        self.bytes = self.bytes.saturating_add(branch.waits.size());
        self.live_items = self.live_items.saturating_add(branch.waits.items());
        self.branches.insert(name, branch);
    }

    /// Takes a branch from where it waits.
    pub(crate) fn unpark(&mut self, name: &str) -> Option<Branch> {
        let branch = self.branches.remove(name)?;
        self.bytes = self.bytes.saturating_sub(branch.waits.size());
        self.live_items = self.live_items.saturating_sub(branch.waits.items());
        Some(branch)
    }

    /// The ids of the branches that wait for what the test names, those that wait longest first.
    pub(crate) fn waiting(&self, test: impl Fn(&Waiting) -> bool) -> Vec<String> {
        let mut found: Vec<_> = self
            .branches
            .iter()
            .filter(|(_, branch)| test(&branch.waits))
            .collect();
        found.sort_by_key(|(_, branch)| branch.visit);
        found.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// Whether the counters are what counting anew would give. Tests ask this after each event; it
    /// reads all variables.
    #[must_use]
    pub fn is_accounted(&self) -> bool {
        let going = self.branches.values();
        let sizes = going.map(|branch| branch.variables.size() + branch.waits.size());
        let ended = self.ended.values().map(Variables::size);
        let items: u32 = (self.branches.values())
            .map(|branch| branch.waits.items())
            .sum();
        let bytes: u64 = sizes.chain(ended).sum();
        self.phase == Phase::Completed || (self.bytes, self.live_items) == (bytes, items)
    }

    /// Sets a variable and accounts for its size.
    pub(crate) fn assign(&mut self, variables: &mut Variables, name: &str, value: Value) {
        let entry = |value: &Value| written_size(value) + name.len() as u64 + 4;
        let before = variables.0.get(name).map_or(0, entry);
        self.bytes = self.bytes.saturating_sub(before) + entry(&value);
        variables.set(name, value);
    }
}

const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_state_is_compact() {
        let state = serde_json::to_value(RunState::default()).unwrap();
        assert_eq!(state, json!({"phase": "new", "visits": 0, "bytes": 0}));
    }

    #[test]
    fn assignments_keep_account_of_the_size() {
        let mut state = RunState::default();
        let mut variables = Variables::default();
        let empty = variables.size();
        for value in [json!("a longer text"), json!({"a": [1, 2, 3]}), json!(null)] {
            state.assign(&mut variables, "x", value);
            state.assign(&mut variables, "other", json!(1));
            assert_eq!(state.bytes, variables.size() - empty);
        }
    }

    #[test]
    fn copies_share_variables_until_one_is_written_to() {
        let mut state = RunState::default();
        let original = Variables::new(JsonObject::new());
        let mut copy = original.clone();
        state.assign(&mut copy, "x", json!(1));
        assert!(original.values().is_empty());
        assert_eq!(copy.values()["x"], json!(1));
    }
}
