//! Actions that the control plane runs itself.
//!
//! Of the platform's own actions one is available: `mobius.run_workflow` starts a run of another
//! workflow as a child, and has its result when that has ended.

use mobius_types::{JsonObject, WorkflowStep};
use serde_json::Value;

use crate::{
    json::kind,
    problem::{Path, Problems},
    template::Template,
};

/// The platform's action that starts a child run.
const RUN_WORKFLOW: &str = "mobius.run_workflow";

/// Reports actions that nobody runs, and parameters that the platform's own can't take.
pub(super) fn check(
    path: &Path<'_>,
    step: &WorkflowStep,
    is_server: bool,
    problems: &mut Problems,
) {
    let action = step.action.as_deref().unwrap_or_default();
    match (is_server, action == RUN_WORKFLOW) {
        (true, true) => {
            let none = JsonObject::new();
            let parameters = step.parameters.as_ref().unwrap_or(&none);
            check_run_workflow(&path.field("parameters"), parameters, problems);
        }
        (true, false) => {
            let message = format!("server action `{action}` is not available");
            problems.add(&path.field("action"), message);
        }
        (false, true) => {
            let message = format!("must be `server` for `{RUN_WORKFLOW}`, which no worker runs");
            problems.add(&path.field("action_kind"), message);
        }
        (false, false) => {}
    }
}

/// What a parameter may be, as far as it can be told before the run.
struct Parameter {
    name: &'static str,
    expected: &'static str,
    accepts: fn(&Value) -> bool,
}

const PARAMETERS: [Parameter; 6] = [
    Parameter {
        name: "workflow",
        expected: "the handle or id of a workflow",
        accepts: is_text,
    },
    Parameter {
        name: "inputs",
        expected: "an object",
        accepts: Value::is_object,
    },
    Parameter {
        name: "queue",
        expected: "the name of a queue",
        accepts: is_text,
    },
    Parameter {
        name: "version",
        expected: "the number of a version",
        accepts: is_version,
    },
    Parameter {
        name: "metadata",
        expected: "an object of texts",
        accepts: is_object_of_texts,
    },
    Parameter {
        name: "external_id",
        expected: "a text",
        accepts: Value::is_string,
    },
];

fn check_run_workflow(path: &Path<'_>, given: &JsonObject, problems: &mut Problems) {
    if !given.contains_key("workflow") {
        let message = "is required: the handle or id of the workflow to run";
        problems.add(&path.field("workflow"), message);
    }
    for (name, value) in given {
        let place = path.field(name);
        let Some(parameter) = PARAMETERS.iter().find(|known| known.name == name) else {
            let message = format!("is no parameter of `{RUN_WORKFLOW}`");
            problems.add(&place, message);
            continue;
        };
        // Problems of the template itself are reported with all other parameters.
        let template = Template::compile(&place, value, &mut Problems::default());
        let Some(value) = template.as_constant() else {
            continue;
        };
        if !(parameter.accepts)(value) {
            let kind = kind(value);
            let message = format!("is not {}, but of type {kind}", parameter.expected);
            problems.add(&place, message);
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_version(value: &Value) -> bool {
    value.as_u64().is_some_and(|version| version > 0)
}

fn is_object_of_texts(value: &Value) -> bool {
    let fields = value.as_object();
    fields.is_some_and(|fields| fields.values().all(Value::is_string))
}
