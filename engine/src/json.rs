//! Measures of JSON values: their kind in words, their size and their depth.
//!
//! Sizes are estimates that never depend on more than the value itself, so that every replica
//! decides alike.

use mobius_types::JsonObject;
use serde_json::Value;

use crate::problem::{Path, Problems};

/// How deep a value may be nested.
///
/// The JSON parser stops at 128 levels, and a stored value sits some levels below the top of a
/// run's state: a deeper one could be written but never be read again.
pub const MAX_DEPTH: usize = 100;

/// What one value costs in memory besides its text.
pub(crate) const NODE_BYTES: u64 = 64;

/// A value's kind, as errors name it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Whether a condition with this value holds.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// How many levels of lists and objects there are; stops counting behind [`MAX_DEPTH`].
pub(crate) fn is_too_deep(value: &Value) -> bool {
    is_deeper_than(value, MAX_DEPTH)
}

/// Reports literal values that are too deep for an object that is stored with them in it.
pub(crate) fn check_nesting(path: &Path<'_>, fields: Option<&JsonObject>, problems: &mut Problems) {
    for (name, value) in fields.into_iter().flatten() {
        if is_deeper_than(value, MAX_DEPTH - 1) {
            let message = format!("is nested deeper than {} levels", MAX_DEPTH - 1);
            problems.add(&path.field(name), message);
        }
    }
}

/// Whether the value has more levels of lists and objects.
#[must_use]
pub fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => {
            levels == 0 || items.iter().any(|item| is_deeper_than(item, levels - 1))
        }
        Value::Object(fields) => {
            levels == 0
                || fields
                    .values()
                    .any(|field| is_deeper_than(field, levels - 1))
        }
    }
}

/// Whether a text in the value, or a key, holds a NUL character, which Postgres can't store.
pub(crate) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, field)| name.contains('\0') || holds_nul(field)),
    }
}

/// About how many bytes the value takes in memory; stops counting somewhere behind `cap`.
pub(crate) fn weight(value: &Value, cap: u64) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NODE_BYTES,
        Value::String(text) => NODE_BYTES + text.len() as u64,
        Value::Array(items) => {
            let mut total = NODE_BYTES;
            for item in items {
                if total > cap {
                    break;
                }
                total += weight(item, cap - total.min(cap));
            }
            total
        }
        Value::Object(fields) => object_weight(fields, cap),
    }
}

/// [`weight`] of an object.
pub(crate) fn object_weight(fields: &JsonObject, cap: u64) -> u64 {
    let mut total = NODE_BYTES;
    for (name, value) in fields {
        if total > cap {
            break;
        }
        total += NODE_BYTES + name.len() as u64 + weight(value, cap - total.min(cap));
    }
    total
}

/// About how many bytes the value takes when it is written as JSON.
pub(crate) fn written_size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(items) => items.iter().map(|item| written_size(item) + 1).sum::<u64>() + 2,
        Value::Object(fields) => written_object_size(fields),
    }
}

/// [`written_size`] of an object.
pub(crate) fn written_object_size(fields: &JsonObject) -> u64 {
    let fields = fields
        .iter()
        .map(|(name, value)| name.len() as u64 + 4 + written_size(value));
    fields.sum::<u64>() + 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_empty_values_are_falsy() {
        for falsy in [
            json!(null),
            json!(false),
            json!(0),
            json!(0.0),
            json!(-0.0),
            json!(""),
            json!([]),
            json!({}),
        ] {
            assert!(!is_truthy(&falsy), "{falsy}");
        }
        for truthy in [
            json!(true),
            json!(-1),
            json!(0.5),
            json!("0"),
            json!("false"),
            json!([null]),
            json!({"a": null}),
        ] {
            assert!(is_truthy(&truthy), "{truthy}");
        }
    }

    #[test]
    fn depth_is_counted_up_to_the_limit() {
        let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(!is_too_deep(&nest(MAX_DEPTH)));
        assert!(is_too_deep(&nest(MAX_DEPTH + 1)));
    }

    #[test]
    fn weighing_stops_behind_the_cap() {
        let value = Value::Array(vec![Value::Null; 1_000]);
        assert_eq!(weight(&value, u64::MAX), 1_001 * NODE_BYTES);
        assert!(weight(&value, 1_000) <= 1_000 + 2 * NODE_BYTES);
    }

    #[test]
    fn nul_is_found_in_texts_and_keys() {
        assert!(holds_nul(&json!([{"a": "x\0"}])));
        assert!(holds_nul(&json!({"a\0": 1})));
        assert!(!holds_nul(&json!({"a": ["\u{1}"]})));
    }
}
