//! Checks that an answer is what its interaction asks for. Pure.

use mobius_store::MAX_DEPTH;
use mobius_types::{
    Interaction, WorkflowInteractionMode, WorkflowInteractionSpec, WorkflowInteractionType,
};
use serde_json::Value;

use crate::{ApiError, check};

/// The largest answer, in bytes.
const MAX_VALUE: usize = 256 * 1024;

/// The answer is stored as a field of the response, which is a level itself.
const MAX_NESTING: usize = MAX_DEPTH - 1;

/// The comment beside an answer.
pub(super) fn check_comment(comment: Option<&str>) -> Result<(), ApiError> {
    check::text("comment", comment)
}

/// The answer's value, once it is one that the interaction takes.
pub(super) fn check(asked: &Interaction, value: Option<Value>) -> Result<Value, ApiError> {
    let value = value.filter(|value| !value.is_null());
    let value = match (value, asked.kind) {
        (Some(value), _) => value,
        // To answer a review that gives no choices is to say that one has looked.
        (None, WorkflowInteractionType::Review) if asked.spec.is_none() => Value::Bool(true),
        (
            None,
            WorkflowInteractionType::Approval
            | WorkflowInteractionType::Review
            | WorkflowInteractionType::Input,
        ) => return Err(wrong("is required")),
    };
    check::json_size("value", &value, MAX_VALUE)?;
    check::nesting("value", &value, MAX_NESTING)?;
    match (&asked.spec, asked.kind) {
        (Some(spec), _) => fits(spec, &value)?,
        (None, WorkflowInteractionType::Approval) => is_decision(&value)?,
        (None, WorkflowInteractionType::Review | WorkflowInteractionType::Input) => {}
    }
    Ok(value)
}

fn fits(spec: &WorkflowInteractionSpec, value: &Value) -> Result<(), ApiError> {
    match spec.mode {
        WorkflowInteractionMode::Confirm => is_decision(value),
        WorkflowInteractionMode::Input => must(value.is_string(), "must be a string"),
        WorkflowInteractionMode::Select => is_option(spec, value),
        WorkflowInteractionMode::MultiSelect => are_options(spec, value),
    }
}

fn is_decision(value: &Value) -> Result<(), ApiError> {
    must(value.is_boolean(), "must be true or false")
}

fn is_option(spec: &WorkflowInteractionSpec, value: &Value) -> Result<(), ApiError> {
    let is_chosen = |chosen: &str| spec.options.iter().any(|option| option.value == chosen);
    if value.as_str().is_some_and(is_chosen) {
        return Ok(());
    }
    Err(wrong(&format!("must be one of {}", choices(spec))))
}

fn are_options(spec: &WorkflowInteractionSpec, value: &Value) -> Result<(), ApiError> {
    let Value::Array(chosen) = value else {
        return Err(wrong(&format!("must be an array of {}", choices(spec))));
    };
    chosen.iter().enumerate().try_for_each(|(place, one)| {
        is_option(spec, one)?;
        if chosen[..place].contains(one) {
            return Err(wrong("must name each choice once"));
        }
        Ok(())
    })
}

fn choices(spec: &WorkflowInteractionSpec) -> String {
    let values = spec
        .options
        .iter()
        .map(|option| format!("`{}`", option.value));
    values.collect::<Vec<_>>().join(", ")
}

fn must(holds: bool, problem: &str) -> Result<(), ApiError> {
    if holds { Ok(()) } else { Err(wrong(problem)) }
}

fn wrong(problem: &str) -> ApiError {
    ApiError::bad_request(format!("value: {problem}"))
}
