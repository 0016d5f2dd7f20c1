//! About how many bytes a value has, so that batches are bounded by what they carry.

use mobius_types::JsonObject;
use serde_json::Value;

/// What a number, a `null` or the punctuation around a value counts.
const SMALL: usize = 8;

/// About how long the value is, written as JSON.
pub(crate) fn weight_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => SMALL,
        Value::String(text) => SMALL + text.len(),
        Value::Array(items) => SMALL + items.iter().map(weight_of).sum::<usize>(),
        Value::Object(fields) => weight_of_object(fields),
    }
}

/// About how long the object is, written as JSON.
pub(crate) fn weight_of_object(fields: &JsonObject) -> usize {
    let each = |(name, value): (&String, &Value)| SMALL + name.len() + weight_of(value);
    SMALL + fields.iter().map(each).sum::<usize>()
}
