//! The workflow of the census, and how to read what its run gives back.

use mobius_worker_sdk::types::{JsonObject, WorkflowSpec};
use serde_json::{Value, json};

use crate::Summary;

/// The workflow's name.
pub const WORKFLOW: &str = "code-census";

/// The signal that somebody is there to read the census. The run ends once it has come.
pub const READER: &str = "reader";

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

/// The workflow, to be saved in a project or started as it is. Inputs: `root`, `portion_size`.
///
/// Three branches: `counting` lists the tree and counts its portions, all at once; `audience` waits
/// for the signal [`READER`]; `summary` joins both and adds up.
#[must_use]
pub fn workflow() -> WorkflowSpec {
    serde_json::from_value(spec()).expect("the spec is well-formed")
}

/// What a run of the workflow counted.
///
/// # Errors
/// If the outputs are not those of such a run.
pub fn summary_of(outputs: &JsonObject) -> Result<Summary, InvalidResult> {
    let value = outputs.get("summary").cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(InvalidResult)
}

fn spec() -> Value {
    json!({
        "name": WORKFLOW,
        "description": "Counts the files of a source tree by language.",
        "inputs": [
            {"name": "root", "type": "string", "description": "The tree's directory."},
            {
                "name": "portion_size", "type": "integer", "default": 200,
                "description": "About how many files a job counts."
            },
        ],
        "outputs": [{"name": "summary", "variable": "summary", "branch": "summary"}],
        "steps": [
            {
                "name": "begin",
                "sleep": {"duration": "0s"},
                "next": [
                    {"step": "list", "branch": "counting"},
                    {"step": "wait", "branch": "audience"},
                    {"step": "gather", "branch": "summary"},
                ],
            },
            {
                "name": "list",
                "action": "census.list",
                "parameters": {"root": "${inputs.root}", "portion_size": "${inputs.portion_size}"},
                "store": "portions",
                "retry": retry(),
                "next": [{"step": "count"}],
            },
            {
                "name": "count",
                "action": "census.count",
                "each": {"items": "${state.portions}", "as": "portion"},
                "parameters": {"root": "${state.portion.root}", "files": "${state.portion.files}"},
                "store": "parts",
                "retry": retry(),
            },
            {"name": "wait", "wait_signal": {"topic": READER, "timeout": "10m"}},
            {
                "name": "gather",
                "join": {
                    "branches": ["counting", "audience"],
                    "branch_mappings": {"counting.parts": "parts"},
                },
                "next": [{"step": "merge"}],
            },
            {
                "name": "merge",
                "action": "census.merge",
                "parameters": {"parts": "${state.parts}"},
                "store": "summary",
                "retry": retry(),
            },
        ],
    })
}

/// Counting again does no harm, so a worker that shuts down costs an attempt and nothing else.
fn retry() -> Value {
    json!([{"error_equals": ["all"], "max_retries": 5, "base_delay": "200ms", "backoff_rate": 2.0}])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Census;

    fn outputs(value: Value) -> JsonObject {
        let Value::Object(outputs) = value else {
            panic!("{value} is not an object");
        };
        outputs
    }

    #[test]
    fn the_spec_is_well_formed_and_loses_nothing_on_the_way() {
        assert_eq!(serde_json::to_value(workflow()).unwrap(), spec());
    }

    #[test]
    fn outputs_of_another_run_are_an_error() {
        assert!(summary_of(&outputs(json!({}))).is_err());
        assert!(summary_of(&outputs(json!({"summary": {"portions": "x"}}))).is_err());
    }

    #[test]
    fn a_summary_is_read_from_the_outputs() {
        let summary = Summary {
            census: Census::default(),
            portions: 3,
        };
        let read = summary_of(&outputs(json!({"summary": summary}))).unwrap();
        assert_eq!(read, summary);
    }
}
