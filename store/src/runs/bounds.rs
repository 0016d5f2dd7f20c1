//! What a start may carry, whoever asks for it: a client, or a step of another run.

use mobius_types::{MAX_NAME_CHARS, MAX_RUN_LABELS, MAX_TEXT_CHARS};

use super::StartRun;

/// What a start has that is not taken. The text names the field and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// A field is not as it must be.
    #[error("{0}")]
    Wrong(String),
    /// A field is too large as a whole.
    #[error("{0}")]
    TooLarge(String),
}

impl StartRun {
    /// Checks all but the workflow's own demands.
    ///
    /// # Errors
    /// The first thing that is out of bounds.
    pub fn check(&self, max_inputs_bytes: usize) -> Result<(), OutOfBounds> {
        name("queue", &self.queue)?;
        let size = serde_json::to_vec(&self.inputs).map_or(usize::MAX, |bytes| bytes.len());
        if size > max_inputs_bytes {
            return Err(OutOfBounds::TooLarge(format!(
                "inputs: has {size} bytes, and at most {max_inputs_bytes} are taken"
            )));
        }
        let external_id = self.external_id.as_deref().unwrap_or_default();
        at_most("external_id", external_id, MAX_NAME_CHARS)?;
        let labels = self.metadata.iter().flatten();
        if labels.clone().count() > MAX_RUN_LABELS {
            return Err(OutOfBounds::Wrong(format!(
                "metadata: has more than {MAX_RUN_LABELS} entries"
            )));
        }
        for (key, value) in labels {
            name("metadata", key)?;
            at_most(&format!("metadata.{key}"), value, MAX_TEXT_CHARS)?;
        }
        Ok(())
    }
}

fn name(field: &str, value: &str) -> Result<(), OutOfBounds> {
    if value.trim().is_empty() {
        return Err(OutOfBounds::Wrong(format!("{field}: must not be empty")));
    }
    at_most(field, value, MAX_NAME_CHARS)
}

fn at_most(field: &str, value: &str, max: usize) -> Result<(), OutOfBounds> {
    // Bytes are never fewer than characters, so most values need no counting.
    if value.len() > max && value.chars().count() > max {
        return Err(OutOfBounds::Wrong(format!(
            "{field}: must have at most {max} characters"
        )));
    }
    Ok(())
}
