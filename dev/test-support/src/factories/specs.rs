//! Workflow specs, the smallest that show something.

use mobius_types::WorkflowSpec;
use serde_json::{Value, json};

/// A spec as its author would write it.
pub fn spec(body: Value) -> WorkflowSpec {
    serde_json::from_value(body).expect("the spec of a test has the shape of a spec")
}

/// One step with the action `echo`, whose result becomes `answer`.
pub fn one_step() -> WorkflowSpec {
    spec(json!({
        "name": "one-step",
        "steps": [{"name": "only", "action": "echo", "store": "answer"}],
    }))
}

/// A step `first` that is followed by a step `second`, both with the action `echo`.
pub fn two_steps() -> WorkflowSpec {
    spec(json!({
        "name": "two-steps",
        "steps": [
            {"name": "first", "action": "echo", "next": [{"step": "second"}]},
            {"name": "second", "action": "echo"},
        ],
    }))
}

/// A step `begin` that starts the branches `left` and `right` of one step each.
pub fn fork() -> WorkflowSpec {
    spec(json!({
        "name": "fork",
        "steps": [
            {"name": "begin", "action": "echo", "next": [
                {"step": "left", "branch": "left"},
                {"step": "right", "branch": "right"},
            ]},
            {"name": "left", "action": "echo", "store": "answer"},
            {"name": "right", "action": "echo", "store": "answer"},
        ],
    }))
}
