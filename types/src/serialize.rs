//! Small rules of reading and writing JSON that several resources share.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// Keeps an explicit `null` apart from a field that is absent.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads the fields of a flattened part. An error names the field that is wrong, which it would
/// not behind `flatten` alone.
pub(crate) fn flattened<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        // "." is the path of the part itself, as when a field is missing.
        if path == "." {
            error.into_inner()
        } else {
            D::Error::custom(format!("{path}: {}", error.into_inner()))
        }
    })
}
