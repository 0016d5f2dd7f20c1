//! Durations in parameters, in Go's syntax as everywhere in the contract.

use std::time::Duration;

use mobius_types::parse_duration;
use serde::{Deserialize, Deserializer, de::Error};

/// A duration such as `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = parse_duration(&text).map(Self);
        parsed.map_err(|error| D::Error::custom(format!("the duration {text:?} {error}")))
    }
}
