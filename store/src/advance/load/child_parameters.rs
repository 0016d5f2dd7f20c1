//! The parameters of the action that starts a child, once they have been checked.

use std::collections::BTreeMap;

use mobius_engine::check_run_workflow;
use mobius_types::JsonObject;
use serde::Deserialize;
use serde_json::Value;

/// What is asked for. `null` is the same as absent.
#[derive(Deserialize)]
pub(super) struct ChildParameters {
    /// The handle or id of the workflow.
    pub(super) workflow: String,
    pub(super) inputs: Option<JsonObject>,
    pub(super) queue: Option<String>,
    pub(super) version: Option<i32>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) external_id: Option<String>,
}

impl ChildParameters {
    /// Reads them. What is wrong is said with its place.
    pub(super) fn parse(given: &JsonObject) -> Result<Self, String> {
        check_run_workflow(given).map_err(|problems| problems.to_string())?;
        Self::deserialize(Value::Object(given.clone())).map_err(|wrong| wrong.to_string())
    }
}
