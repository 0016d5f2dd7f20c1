//! The spelling of variable names.

/// Whether the text can follow a dot in an expression: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_bare_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
