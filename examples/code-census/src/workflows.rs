//! The two workflows of the census, and how to read what their runs give back.

use mobius_worker_sdk::types::{JsonObject, WorkflowSpec};
use serde_json::{Value, json};

use crate::{Census, Portion};

/// The workflow that cuts a tree into portions. Inputs: `root`, `portion_size`.
pub const LIST_WORKFLOW: &str = "code-census-list";

/// The workflow that counts one portion. Inputs: `root`, `files`.
pub const COUNT_WORKFLOW: &str = "code-census-count";

/// The outputs of a run that are not those of a census.
#[derive(Debug)]
pub struct InvalidResult(serde_json::Error);

impl std::fmt::Display for InvalidResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run's outputs are not those of a census")
    }
}

impl std::error::Error for InvalidResult {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Both workflows, to be saved in a project or started as they are.
#[must_use]
pub fn workflows() -> [WorkflowSpec; 2] {
    [list(), count()].map(|spec| serde_json::from_value(spec).expect("the specs are well-formed"))
}

/// The portions that a run of [`LIST_WORKFLOW`] gave back; each is the inputs of a counting run.
///
/// # Errors
/// If the outputs are not those of such a run.
pub fn portions_of(outputs: &JsonObject) -> Result<Vec<Portion>, InvalidResult> {
    read(outputs, "portions")
}

/// What a run of [`COUNT_WORKFLOW`] counted.
///
/// # Errors
/// If the outputs are not those of such a run.
pub fn census_of(outputs: &JsonObject) -> Result<Census, InvalidResult> {
    read(outputs, "census")
}

fn read<T: serde::de::DeserializeOwned>(
    outputs: &JsonObject,
    name: &str,
) -> Result<T, InvalidResult> {
    let value = outputs.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(InvalidResult)
}

fn list() -> Value {
    json!({
        "name": LIST_WORKFLOW,
        "description": "Cuts the files of a source tree into portions.",
        "inputs": [
            {"name": "root", "type": "string", "description": "The tree's directory."},
            {
                "name": "portion_size", "type": "integer", "default": 200,
                "description": "About how many files a portion holds."
            },
        ],
        "outputs": [{"name": "portions", "variable": "portions"}],
        "steps": [{
            "name": "list",
            "action": "census.list",
            "parameters": {"root": "${inputs.root}", "portion_size": "${inputs.portion_size}"},
            "store": "portions",
            "retry": retry(),
        }],
    })
}

fn count() -> Value {
    json!({
        "name": COUNT_WORKFLOW,
        "description": "Counts one portion of a source tree.",
        "inputs": [
            {"name": "root", "type": "string", "description": "The tree's directory."},
            {"name": "files", "type": "array", "description": "Files, relative to the root."},
        ],
        "outputs": [{"name": "census", "variable": "census"}],
        "steps": [{
            "name": "count",
            "action": "census.count",
            "parameters": {"root": "${inputs.root}", "files": "${inputs.files}"},
            "store": "census",
            "retry": retry(),
        }],
    })
}

/// Counting again does no harm, so a worker that shuts down costs an attempt and nothing else.
fn retry() -> Value {
    json!([{"error_equals": ["all"], "max_retries": 5, "base_delay": "200ms", "backoff_rate": 2.0}])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(value: Value) -> JsonObject {
        let Value::Object(outputs) = value else {
            panic!("{value} is not an object");
        };
        outputs
    }

    #[test]
    fn the_specs_are_well_formed_and_lose_nothing_on_the_way() {
        for (spec, json) in workflows().into_iter().zip([list(), count()]) {
            assert_eq!(serde_json::to_value(&spec).unwrap(), json);
        }
    }

    #[test]
    fn a_portion_is_the_inputs_of_a_counting_run() {
        let portion = json!({"root": "/tree", "files": ["a.rs"]});
        let portions = portions_of(&outputs(json!({"portions": [portion]}))).unwrap();
        assert_eq!(serde_json::to_value(&portions[0]).unwrap(), portion);
        let [_, count] = workflows();
        let inputs: Vec<_> = count
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        assert!(
            inputs.iter().all(|name| portion.get(name).is_some()),
            "{inputs:?}"
        );
    }

    #[test]
    fn outputs_of_another_run_are_an_error() {
        assert!(portions_of(&outputs(json!({}))).is_err());
        assert!(census_of(&outputs(json!({"census": {"rows": 1}}))).is_err());
    }

    #[test]
    fn a_census_is_read_from_the_outputs() {
        let census = Census::default();
        let read = census_of(&outputs(json!({"census": census}))).unwrap();
        assert_eq!(read, census);
    }
}
