//! Puts what a deserializer says into the words of JSON, without the names of Rust types.

/// What Rust calls a thing, and what a client calls it.
const NAMES: [(&str, &str); 17] = [
    ("a sequence", "an array"),
    ("a map", "an object"),
    ("floating point", "number"),
    ("sequence", "array"),
    ("map", "object"),
    ("unit value", "null"),
    ("i8", "an integer"),
    ("i16", "an integer"),
    ("i32", "an integer of at most 32 bits"),
    ("i64", "an integer"),
    ("u8", "an integer that is not negative"),
    ("u16", "an integer that is not negative"),
    ("u32", "an integer that is not negative"),
    ("u64", "an integer that is not negative"),
    ("usize", "an integer that is not negative"),
    ("f64", "a number"),
    ("option", "a value"),
];

/// The message of an error of `serde_json`, which reads `invalid type: GOT, expected WANTED at …`.
pub(super) fn plain(message: &str) -> String {
    let Some((got, wanted)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let got = match got.split_once(": ") {
        Some((what, got)) => format!("{what}: {}", renamed(got)),
        None => got.to_owned(),
    };
    format!("{got}, expected {}", renamed(wanted))
}

/// The text with the name that it begins with put into a client's words.
fn renamed(text: &str) -> String {
    if text.starts_with("struct ") || text.starts_with("internally tagged enum ") {
        let place = text.find(" at line ").map_or("", |at| &text[at..]);
        return format!("an object{place}");
    }
    for (theirs, ours) in NAMES {
        let rest = text.strip_prefix(theirs);
        if let Some(rest) = rest.filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric())) {
            return format!("{ours}{rest}");
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_types_become_those_of_json() {
        for (theirs, ours) in [
            (
                "invalid type: string \"x\", expected struct WorkflowSpec at line 1 column 9",
                "invalid type: string \"x\", expected an object at line 1 column 9",
            ),
            (
                "invalid type: map, expected a sequence at line 1 column 2",
                "invalid type: object, expected an array at line 1 column 2",
            ),
            (
                "invalid type: floating point `1.5`, expected i32",
                "invalid type: number `1.5`, expected an integer of at most 32 bits",
            ),
            ("missing field `name`", "missing field `name`"),
            (
                "unknown variant `x`, expected `a` or `b`",
                "unknown variant `x`, expected `a` or `b`",
            ),
            (
                "invalid type: string \"a, expected i32\", expected u64",
                "invalid type: string \"a, expected i32\", expected an integer that is not negative",
            ),
        ] {
            assert_eq!(plain(theirs), ours);
        }
    }
}
