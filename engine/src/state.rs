//! Where a run stands: stored as one document per run, loaded for each event, so it is compact.
//!
//! Steps are kept by their index: a run keeps its definition for life. A branch that has ended
//! leaves its variables behind only when an output reads them. A failed run keeps its branches
//! where they stood, so that a retry can go on from there.

use std::{collections::BTreeMap, sync::Arc};

use mobius_types::JsonObject;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{written_object_size, written_size};

/// The state of a run. The default is a run that has not started yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RunState {
    #[serde(default)]
    pub(crate) phase: Phase,
    /// How many step executions there were.
    #[serde(default)]
    pub(crate) visits: i32,
    /// How many branches got a generated name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) generated: u32,
    /// About how large the variables of all branches are, written as JSON.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// The branches that are going, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) branches: BTreeMap<String, Branch>,
    /// The final variables of ended branches that an output reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ended: BTreeMap<String, Variables>,
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    #[default]
    New,
    Live,
    Completed,
    Failed,
}

/// A branch that is going.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Branch {
    /// The index of its current step.
    pub(crate) step: usize,
    /// Which step execution this is.
    pub(crate) visit: i32,
    pub(crate) variables: Variables,
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
    /// Whether nothing more will happen to the run by itself.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Failed)
    }

    /// Whether the run goes on and every branch waits for a signal, a time, a resume, an answer or
    /// a join: it needs neither a worker nor the control plane before something happens outside.
    #[must_use]
    pub const fn is_parked(&self) -> bool {
        false
    }

    /// Whether the run was cancelled and workers still hold jobs of it.
    #[must_use]
    pub const fn is_cancelling(&self) -> bool {
        false
    }

    /// How many signals nothing has consumed yet.
    #[must_use]
    pub const fn stored_signals(&self) -> u32 {
        0
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
