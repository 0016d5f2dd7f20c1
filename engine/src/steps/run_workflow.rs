//! The parameters of the platform's action that starts a child run.
//!
//! One table for both looks at them: what is written without `${…}` is checked when the spec is
//! saved, and all of it before the child starts. As far as a child has what other starts have, it
//! has the same bounds.

use std::fmt::Display;

use mobius_types::{JsonObject, MAX_NAME_CHARS, MAX_RUN_LABELS, MAX_TEXT_CHARS};
use serde_json::Value;

use crate::{
    json::kind,
    problem::{Path, Problems},
    template::Template,
};

/// The platform's action that starts a child run.
pub(super) const RUN_WORKFLOW: &str = "mobius.run_workflow";

/// What is wrong with a parameter, and where in it.
type Wrong = (Option<String>, String);

/// A parameter. `null` stands for none, unless it is required.
struct Parameter {
    name: &'static str,
    check: fn(&Value) -> Result<(), Wrong>,
}

const PARAMETERS: [Parameter; 6] = [
    Parameter {
        name: WORKFLOW,
        check: check_workflow,
    },
    Parameter {
        name: "inputs",
        check: check_inputs,
    },
    Parameter {
        name: "queue",
        check: check_queue,
    },
    Parameter {
        name: "version",
        check: check_version,
    },
    Parameter {
        name: "metadata",
        check: check_metadata,
    },
    Parameter {
        name: "external_id",
        check: check_external_id,
    },
];

/// The one parameter that is required.
const WORKFLOW: &str = "workflow";

/// Reports what is wrong with the parameters as far as it can be told before the run.
pub(super) fn check(path: &Path<'_>, given: &JsonObject, problems: &mut Problems) {
    check_each(path, given, problems, |place, value| {
        // Problems of the template itself are reported with all other parameters.
        let template = Template::compile(place, value, &mut Problems::default());
        template.as_constant().cloned()
    });
}

/// Checks what a job is to start its child with.
///
/// # Errors
/// Every problem with its place.
pub fn check_run_workflow(given: &JsonObject) -> Result<(), Problems> {
    let mut problems = Problems::default();
    check_each(&Path::Root, given, &mut problems, |_, value| {
        Some(value.clone())
    });
    problems.into_result(())
}

/// Checks those parameters whose value is known.
fn check_each(
    path: &Path<'_>,
    given: &JsonObject,
    problems: &mut Problems,
    known: impl Fn(&Path<'_>, &Value) -> Option<Value>,
) {
    if !given.contains_key(WORKFLOW) {
        let message = "is required: the handle or id of the workflow to run";
        problems.add(&path.field(WORKFLOW), message);
    }
    for (name, value) in given {
        let place = path.field(name);
        let Some(parameter) = PARAMETERS.iter().find(|known| known.name == name) else {
            let message = format!("is no parameter of `{RUN_WORKFLOW}`");
            problems.add(&place, message);
            continue;
        };
        let Some(value) = known(&place, value) else {
            continue;
        };
        if value.is_null() && parameter.name != WORKFLOW {
            continue;
        }
        match (parameter.check)(&value) {
            Ok(()) => {}
            Err((Some(inner), message)) => problems.add(&place.field(&inner), message),
            Err((None, message)) => problems.add(&place, message),
        }
    }
}

fn check_workflow(value: &Value) -> Result<(), Wrong> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(()),
        Some(_) | None => Err(no("the handle or id of a workflow", value)),
    }
}

fn check_inputs(value: &Value) -> Result<(), Wrong> {
    if !value.is_object() {
        return Err(no("an object", value));
    }
    Ok(())
}

fn check_queue(value: &Value) -> Result<(), Wrong> {
    match value.as_str() {
        Some(name) if name.trim().is_empty() => Err((None, "is blank".to_owned())),
        Some(name) => at_most(name, MAX_NAME_CHARS),
        None => Err(no("the name of a queue", value)),
    }
}

fn check_version(value: &Value) -> Result<(), Wrong> {
    match value.as_i64().map(i32::try_from) {
        Some(Ok(1..)) => Ok(()),
        Some(_) | None => Err(no("the number of a version", value)),
    }
}

fn check_external_id(value: &Value) -> Result<(), Wrong> {
    match value.as_str() {
        Some(id) => at_most(id, MAX_NAME_CHARS),
        None => Err(no("a text", value)),
    }
}

fn check_metadata(value: &Value) -> Result<(), Wrong> {
    let Value::Object(labels) = value else {
        return Err(no("an object of texts", value));
    };
    if labels.len() > MAX_RUN_LABELS {
        let message = format!("has more than {MAX_RUN_LABELS} entries");
        return Err((None, message));
    }
    for (name, value) in labels {
        if name.trim().is_empty() {
            return Err((None, "has an empty name".to_owned()));
        }
        at_most(name, MAX_NAME_CHARS)?;
        let place = |(_, message)| (Some(name.clone()), message);
        let Some(text) = value.as_str() else {
            return Err(place(no("a text", value)));
        };
        at_most(text, MAX_TEXT_CHARS).map_err(place)?;
    }
    Ok(())
}

/// What is said of a value that is something else, or empty.
fn no(expected: impl Display, value: &Value) -> Wrong {
    let kind = kind(value);
    (None, format!("is not {expected}, but of type {kind}"))
}

fn at_most(text: &str, chars: usize) -> Result<(), Wrong> {
    if text.chars().count() > chars {
        return Err((None, format!("has more than {chars} characters")));
    }
    Ok(())
}
