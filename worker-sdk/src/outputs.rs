//! Reads what a completed run gives back.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mobius_types::{JsonObject, WorkflowRunDetail};

/// A result that is not a JSON object in base64.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOutputs {
    /// It is not base64.
    #[error("the run's result is not base64")]
    Base64(#[from] base64::DecodeError),
    /// It is not a JSON object.
    #[error("the run's result is not a JSON object")]
    Json(#[from] serde_json::Error),
}

/// The outputs of a run by name; `None` while it has none.
///
/// # Errors
/// If the result is not a JSON object in base64.
pub fn run_outputs(run: &WorkflowRunDetail) -> Result<Option<JsonObject>, InvalidOutputs> {
    let Some(text) = &run.result_b64 else {
        return Ok(None);
    };
    let json = STANDARD.decode(text)?;
    Ok(Some(serde_json::from_slice(&json)?))
}
