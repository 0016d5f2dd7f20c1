//! The value of an action's result. It never fails: whatever a worker sends is something.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::json::{holds_nul, is_too_deep};

/// Decodes a result: JSON if it parses, else the text, else `{"b64": …}`.
///
/// No result is `null`. What Postgres or a later load could not hold is not taken as JSON: a
/// document nested deeper than 100 levels stays text, and text with NUL characters (also escaped
/// ones) becomes `{"b64": …}`.
#[must_use]
pub fn result_value(bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else {
        return Value::Null;
    };
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if holds_nul(&value) => encoded(bytes),
        Ok(value) if !is_too_deep(&value) => value,
        Ok(_) | Err(_) => text(bytes),
    }
}

fn text(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Value::from(text),
        Ok(_) | Err(_) => encoded(bytes),
    }
}

fn encoded(bytes: &[u8]) -> Value {
    json!({ "b64": STANDARD.encode(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_json_or_text_or_base64() {
        for (bytes, value) in [
            (&b"{\"a\":[1,2.5]}"[..], json!({"a": [1, 2.5]})),
            (b" 7 ", json!(7)),
            (b"null", json!(null)),
            (b"", json!("")),
            (b"hello", json!("hello")),
            (b"{\"a\":", json!("{\"a\":")),
            (b"1e999", json!("1e999")),
            (b"\xff\xfe", json!({"b64": "//4="})),
            (b"a\0b", json!({"b64": "YQBi"})),
            (b"\"\\u0000\"", json!({"b64": "Ilx1MDAwMCI="})),
        ] {
            assert_eq!(result_value(Some(bytes)), value, "{bytes:?}");
        }
        assert_eq!(result_value(None), json!(null));
    }

    #[test]
    fn json_too_deep_to_be_loaded_again_stays_text() {
        let deep = format!("{}1{}", "[".repeat(110), "]".repeat(110));
        assert_eq!(result_value(Some(deep.as_bytes())), json!(deep));
        let deeper_than_the_parser = "[".repeat(100_000);
        assert_eq!(
            result_value(Some(deeper_than_the_parser.as_bytes())),
            json!(deeper_than_the_parser)
        );
    }
}
