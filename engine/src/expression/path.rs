//! Member paths such as `state.order.id`, read straight from the JSON.

use mobius_types::JsonObject;
use serde_json::Value;

use super::{no_fields, no_such_key};
use crate::{
    json::{is_truthy, kind, object_weight, weight},
    scope::{Root, Scope},
};

/// A root and the members behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MemberPath {
    root: Root,
    members: Vec<String>,
}

impl MemberPath {
    /// Parses a text that is nothing but a member path; anything else is left to CEL.
    pub(super) fn parse(source: &str) -> Option<Self> {
        if source.len() > super::check::MAX_SOURCE_BYTES {
            return None;
        }
        let mut names = source.trim().split('.');
        let root = Root::parse(names.next()?)?;
        let members = names
            .map(|name| is_name(name).then(|| name.to_owned()))
            .collect::<Option<Vec<_>>>()?;
        Some(Self { root, members })
    }

    pub(super) fn look_up<'a>(&self, scope: &Scope<'a>) -> Result<Found<'a>, String> {
        let mut found = Found::Root(scope.get(self.root));
        for member in &self.members {
            found = found.member(member)?;
        }
        Ok(found)
    }
}

/// Whether the text is a name as CEL and `store` write it, and not one of CEL's literals.
fn is_name(text: &str) -> bool {
    crate::name::is_bare_name(text) && !matches!(text, "true" | "false" | "null" | "in")
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    Root(&'a JsonObject),
    Value(&'a Value),
}

impl<'a> Found<'a> {
    pub(super) fn member(self, name: &str) -> Result<Self, String> {
        let fields = match self {
            Self::Root(fields) | Self::Value(Value::Object(fields)) => fields,
            Self::Value(other) => return Err(no_fields(kind(other))),
        };
        fields
            .get(name)
            .map(Self::Value)
            .ok_or_else(|| no_such_key(name))
    }

    pub(super) fn into_json(self) -> Value {
        match self {
            Self::Root(fields) => Value::Object(fields.clone()),
            Self::Value(value) => value.clone(),
        }
    }

    pub(super) fn weight(self) -> u64 {
        self.weight_up_to(u64::MAX)
    }

    pub(super) fn weight_up_to(self, cap: u64) -> u64 {
        match self {
            Self::Root(fields) => object_weight(fields, cap),
            Self::Value(value) => weight(value, cap),
        }
    }

    pub(super) fn is_truthy(self) -> bool {
        match self {
            Self::Root(fields) => !fields.is_empty(),
            Self::Value(value) => is_truthy(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_paths() {
        let path = MemberPath::parse(" state.a_1._b ").unwrap();
        assert_eq!(path.members, ["a_1", "_b"]);
        for other in [
            "",
            "state.",
            "state..a",
            "state.1",
            "state. a",
            "other.a",
            "state.a()",
            "state[0]",
            "state.null",
            "state.a-b",
            "statea",
            "state.é",
        ] {
            assert_eq!(MemberPath::parse(other), None, "{other}");
        }
        assert!(MemberPath::parse("run").is_some());
    }
}
