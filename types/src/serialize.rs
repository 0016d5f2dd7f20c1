//! Small rules of reading and writing JSON that several resources share.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Keeps an explicit `null` apart from a field that is absent.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
