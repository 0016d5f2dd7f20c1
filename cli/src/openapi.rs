//! `mobius openapi`: prints the document that the server serves.

use std::io::Write;

/// Prints it, indented and with a newline at the end.
pub(crate) fn print() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &mobius_api::document())?;
    writeln!(out)?;
    Ok(())
}
