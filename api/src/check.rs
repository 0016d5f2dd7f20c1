//! Checks of single fields that many requests share. Each error names its field.

use mobius_store::{MAX_DEPTH, is_deeper_than};
use mobius_types::{JsonObject, MAX_NAME_CHARS, MAX_TEXT_CHARS};
use serde::Serialize;
use serde_json::Value;

use crate::ApiError;

/// A name that must be given and not be blank.
pub(crate) fn name(field: &str, value: &str) -> Result<(), ApiError> {
    not_blank(field, value)?;
    at_most(field, value, MAX_NAME_CHARS)
}

/// A name whose bound is in bytes.
pub(crate) fn name_of_at_most_bytes(field: &str, value: &str, max: usize) -> Result<(), ApiError> {
    not_blank(field, value)?;
    if value.len() > max {
        return Err(ApiError::bad_request(format!(
            "{field}: must have at most {max} bytes, not {}",
            value.len()
        )));
    }
    Ok(())
}

fn not_blank(field: &str, value: &str) -> Result<(), ApiError> {
    if value.trim().is_empty() {
        return Err(ApiError::bad_request(format!("{field}: must not be empty")));
    }
    Ok(())
}

/// A label that may be empty.
pub(crate) fn label(field: &str, value: &str) -> Result<(), ApiError> {
    at_most(field, value, MAX_NAME_CHARS)
}

/// A free text.
pub(crate) fn text(field: &str, value: Option<&str>) -> Result<(), ApiError> {
    at_most(field, value.unwrap_or_default(), MAX_TEXT_CHARS)
}

fn at_most(field: &str, value: &str, max: usize) -> Result<(), ApiError> {
    // Bytes are never fewer than characters, so most values need no counting.
    if value.len() > max && value.chars().count() > max {
        return Err(ApiError::bad_request(format!(
            "{field}: must have at most {max} characters"
        )));
    }
    Ok(())
}

/// The size of a part of the request, as the JSON that is stored.
pub(crate) fn json_size(field: &str, value: &impl Serialize, max: usize) -> Result<(), ApiError> {
    let size = serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    if size > max {
        return Err(ApiError::TooLarge(format!(
            "{field}: has {size} bytes, and at most {max} are taken"
        )));
    }
    Ok(())
}

/// How deep a part of the request is nested that is stored as a value.
pub(crate) fn nesting(field: &str, value: &Value, most: usize) -> Result<(), ApiError> {
    if is_deeper_than(value, most) {
        return Err(ApiError::bad_request(format!(
            "{field}: must not be nested deeper than {most} levels"
        )));
    }
    Ok(())
}

/// [`nesting`] of an object, which is a level itself.
pub(crate) fn object_nesting(field: &str, value: &JsonObject) -> Result<(), ApiError> {
    if value.values().any(|it| is_deeper_than(it, MAX_DEPTH - 1)) {
        return Err(ApiError::bad_request(format!(
            "{field}: must not be nested deeper than {MAX_DEPTH} levels"
        )));
    }
    Ok(())
}

/// A slug: what stands in paths.
pub(crate) fn handle(field: &str, value: &str) -> Result<(), ApiError> {
    let is_slug = value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-');
    if value.is_empty() || value.len() > 63 || !is_slug {
        return Err(ApiError::bad_request(format!(
            "{field}: must be 1 to 63 lower-case letters, digits and inner hyphens, like `my-project`"
        )));
    }
    Ok(())
}

/// The slug of a name: lower-case, everything else as single hyphens.
pub(crate) fn slug(name: &str) -> Result<String, ApiError> {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(63);
    let slug = slug.trim_end_matches('-').to_owned();
    if slug.is_empty() {
        return Err(ApiError::bad_request(
            "handle: can't be made from this name; give one, like `my-project`",
        ));
    }
    Ok(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_handles() {
        for (name, expected) in [
            ("My Project", "my-project"),
            ("  a--b  ", "a-b"),
            ("Ünï 2", "n-2"),
            ("x", "x"),
        ] {
            let slug = slug(name).unwrap();
            assert_eq!(slug, expected);
            assert!(handle("handle", &slug).is_ok());
        }
        assert!(slug("日本").is_err());
        assert!(handle("handle", &slug(&"long name ".repeat(40)).unwrap()).is_ok());
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for value in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a b",
            "a/b",
            "é",
            &"a".repeat(64),
        ] {
            assert!(handle("handle", value).is_err(), "{value}");
        }
    }

    #[test]
    fn names_are_counted_in_characters() {
        assert!(name("name", &"é".repeat(255)).is_ok());
        assert!(name("name", &"é".repeat(256)).is_err());
        assert!(name("name", " \t").is_err());
    }
}
