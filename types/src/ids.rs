//! Typed ids: a short prefix for people, a time-ordered UUID for the database.
//!
//! An id of one type never parses as another, so a mixed-up id is "not found", not another row.

use std::{fmt, str::FromStr};

use uuid::{Uuid, fmt::Simple};

/// A text that is not an id of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like `{prefix}_0197…`")]
pub struct InvalidId {
    prefix: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, InvalidId> {
    let invalid = InvalidId { prefix };
    let rest = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'));
    let Some(hex) = rest.filter(|hex| hex.len() == 32) else {
        return Err(invalid);
    };
    if hex.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid);
    }
    Uuid::try_parse(hex).map_err(|_| invalid)
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "postgres", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore of the printed id.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new id; later ids sort after earlier ones of the same process.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as it is stored.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut buffer = [0; $prefix.len() + 1 + Simple::LENGTH];
                let (prefix, rest) = buffer.split_at_mut($prefix.len() + 1);
                prefix.copy_from_slice(concat!($prefix, "_").as_bytes());
                self.0.as_simple().encode_lower(rest);
                let text = std::str::from_utf8(&buffer).expect("an id is plain ASCII");
                serializer.serialize_str(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    )*};
}

typed_ids! {
    /// An organisation: the tenant.
    OrgId = "org";
    /// A project of an organisation.
    ProjectId = "prj";
    /// A person.
    UserId = "user";
    /// An API key.
    KeyId = "key";
    /// A workflow definition.
    WorkflowId = "wf";
    /// One immutable version of a workflow definition.
    WorkflowVersionId = "wfv";
    /// A run of a workflow.
    RunId = "run";
    /// One step execution of a run.
    JobId = "job";
    /// A signal that was sent to a run.
    SignalId = "sig";
    /// A question to a person or a group.
    InteractionId = "int";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing_and_parsing() {
        let id = RunId::generate();
        assert!(id.to_string().starts_with("run_"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::json!(id), id.to_string());
    }

    #[test]
    fn an_id_of_another_type_does_not_parse() {
        let run = RunId::generate().to_string();
        assert!(run.parse::<JobId>().is_err());
    }

    #[test]
    fn only_the_printed_form_parses() {
        let hex = Uuid::now_v7().as_simple().to_string();
        for text in [
            String::new(),
            hex.clone(),
            format!("run_{}", &hex[1..]),
            format!("run_{}", hex.to_uppercase()),
            format!("run_{}", Uuid::now_v7().as_hyphenated()),
            format!("run_{hex} "),
            format!("RUN_{hex}"),
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text:?} parsed");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<_> = (0..1_000).map(|_| RunId::generate()).collect();
        assert!(ids.is_sorted());
    }
}
