//! Saved workflows: definitions that change, and versions that never do.

mod create;
mod delete;
mod read;
mod tools;
mod update;

pub use create::{NewWorkflow, create};
pub use delete::delete;
pub use read::{exists, get, list, versions};
pub use tools::{Tool, find_by_handle, find_tool, list_tools};
pub use update::{WorkflowChange, update};

use crate::Error;

/// Names the field when another workflow has the same name or handle.
fn name_conflict(error: Error) -> Error {
    let (code, field) = match error.constraint() {
        Some("workflows_handle") => ("handle_taken", "handle"),
        Some("workflows_name") => ("name_taken", "name"),
        _ => return error,
    };
    Error::Conflict {
        code,
        message: format!("{field}: another workflow of the project has it"),
    }
}
