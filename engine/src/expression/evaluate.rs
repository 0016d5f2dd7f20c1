//! Runs a checked expression whose cost was found acceptable, and puts CEL's errors into words.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{Context, ExecutionError, Value as CelValue, common::value::Val};
use serde_json::Value;

use super::{
    check::{Checked, Fields},
    functions, no_fields, no_such_key,
    value::{object_to_cel, to_json},
};
use crate::{
    json::{holds_nul, is_too_deep},
    scope::{Root, Scope},
};

/// What one level of evaluation takes of the stack in a debug build, with room to spare.
const STACK_PER_LEVEL: usize = 32 * 1024;
const STACK_AT_LEAST: usize = 256 * 1024;

/// Evaluates; the error says what went wrong.
pub(super) fn evaluate(checked: &Checked, scope: &Scope<'_>) -> Result<Value, String> {
    let stack = STACK_AT_LEAST + checked.depth * STACK_PER_LEVEL;
    // A panic in foreign code, say on an odd date, must end this step and not the whole process.
    let resolved = catch_unwind(AssertUnwindSafe(|| {
        stacker::maybe_grow(stack, stack, || resolve(checked, scope))
    }));
    let value = resolved.map_err(|_| "it can't be evaluated with these values".to_owned())??;
    if is_too_deep(&value) {
        return Err("the result is nested deeper than 100 levels".to_owned());
    }
    if holds_nul(&value) {
        return Err("the result holds a NUL character, which can't be stored".to_owned());
    }
    Ok(value)
}

fn resolve(checked: &Checked, scope: &Scope<'_>) -> Result<Value, String> {
    let mut context = Context::with_env(Arc::clone(functions::environment()));
    for (root, fields) in &checked.reads {
        context.add_variable_as_val(root.name(), bind(scope, *root, fields));
    }
    let value = CelValue::resolve_val(&checked.ast, &context).map_err(|error| reason(&error))?;
    to_json(value.as_ref())
}

/// A root with the fields that are read. A field that is not there is left out, so that CEL sees
/// the same gap.
fn bind<'v>(scope: &Scope<'v>, root: Root, fields: &Fields) -> Box<dyn Val + 'v> {
    let object = scope.get(root);
    match fields {
        Fields::All => object_to_cel(object.iter()),
        Fields::Named(names) => {
            object_to_cel(names.iter().filter_map(|name| object.get_key_value(name)))
        }
    }
}

/// CEL prints whole values in its errors; here types have to do, so that an error stays small.
fn reason(error: &ExecutionError) -> String {
    if let ExecutionError::NoSuchKey(key) = error {
        return no_such_key(cut(key));
    }
    if let ExecutionError::UnsupportedBinaryOperator(operator, left, right) = error {
        return mismatch(operator, left, right);
    }
    if let ExecutionError::NoSuchOverload(overload) = error {
        return overload_reason(overload.function(), overload.argument_types());
    }
    if let ExecutionError::ValuesNotComparable(left, right) = error {
        let (left, right) = (left.type_of(), right.type_of());
        return format!("{left} and {right} can't be compared");
    }
    if let ExecutionError::Overflow(operator, ..) = error {
        return format!("the result of `{operator}` is out of range");
    }
    if let ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) = error {
        return "a number is divided by zero".to_owned();
    }
    if let ExecutionError::IndexOutOfBounds(index) = error {
        return format!("the list has no index {}", short(index));
    }
    if let ExecutionError::UnexpectedType { got, want } = error {
        return format!("a value of type {got} stands where {want} is expected");
    }
    if let ExecutionError::FunctionError { function, message } = error {
        return format!("{function}(): {}", cut(message));
    }
    if let ExecutionError::DuplicateKey(key) = error {
        return format!("a map has the key {} twice", short(key));
    }
    other_reason(error)
}

/// What is left has a short text, or a value in it that may be of any size.
fn other_reason(error: &ExecutionError) -> String {
    if let ExecutionError::UndeclaredReference(name) = error {
        return format!("`{name}` is not known");
    }
    if let ExecutionError::InvalidArgumentCount { expected, actual } = error {
        return format!("a function takes {expected} arguments, not {actual}");
    }
    if let ExecutionError::UnsupportedKeyType(key) = error {
        return format!("a value of type {} can't be a key", key.type_of());
    }
    if let ExecutionError::UnsupportedIndex(index, container) = error {
        let (index, container) = (index.type_of(), container.type_of());
        return format!("a {container} can't be indexed with a {index}");
    }
    "it can't be evaluated with these values".to_owned()
}

fn mismatch(operator: &str, left: &CelValue, right: &CelValue) -> String {
    let (left, right) = (left.type_of().to_string(), right.type_of().to_string());
    let is_number = |kind: &str| matches!(kind, "int" | "uint" | "float");
    let name = |kind: String| {
        if kind == "float" {
            "double".to_owned()
        } else {
            kind
        }
    };
    let mixed = left != right && is_number(&left) && is_number(&right);
    let hint = if mixed {
        "; convert the other number with double()"
    } else {
        ""
    };
    let (left, right) = (name(left), name(right));
    format!("there is no `{operator}` of {left} and {right}{hint}")
}

fn overload_reason(function: &str, types: &[String]) -> String {
    if function == "_._"
        && let Some(kind) = types.first()
    {
        return no_fields(kind_name(kind));
    }
    let name = function.trim_matches('_');
    format!("`{name}` does not take ({})", types.join(", "))
}

/// The names that errors use for what CEL calls otherwise.
fn kind_name(kind: &str) -> &str {
    match kind {
        "bool" => "boolean",
        "null_type" => "null",
        kind => kind,
    }
}

fn short(value: &CelValue) -> String {
    match value {
        CelValue::Int(int) => int.to_string(),
        CelValue::UInt(uint) => uint.to_string(),
        CelValue::Float(double) => double.to_string(),
        CelValue::String(text) => format!("`{}`", cut(text)),
        CelValue::Bool(bool) => bool.to_string(),
        CelValue::List(_)
        | CelValue::Map(_)
        | CelValue::Function(..)
        | CelValue::Bytes(_)
        | CelValue::Duration(_)
        | CelValue::Timestamp(_)
        | CelValue::Opaque(_)
        | CelValue::Struct(_)
        | CelValue::Null => format!("of type {}", value.type_of()),
    }
}

/// The first 200 characters.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(200)
        .map_or(text, |(end, _)| &text[..end])
}
