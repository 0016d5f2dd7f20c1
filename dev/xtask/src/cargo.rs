//! Runs cargo on the workspace.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A cargo command in the workspace, from the toolchain that runs us. It describes queries from
/// `.sqlx/`, not from a database that happens to be in the environment.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(arguments)
        .stdin(Stdio::null())
        .env("SQLX_OFFLINE", "true");
    // What the cargo that runs us says of this package. Build scripts that look at it would run
    // again, and all that depends on them would be built again, each time.
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        })
        .for_each(|name| {
            command.env_remove(name);
        });
    command
}

/// Runs a command to its end; any end but success is an error.
pub(crate) fn succeed(mut command: Command) -> Result<()> {
    let line = command_line(&command);
    let ended = command
        .status()
        .with_context(|| format!("running `{line}`"))?;
    ensure!(ended.success(), "`{line}` failed ({ended})");
    Ok(())
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn capture(mut command: Command) -> Result<Vec<u8>> {
    let line = command_line(&command);
    let ended = command.stderr(Stdio::inherit()).output();
    let ended = ended.with_context(|| format!("running `{line}`"))?;
    ensure!(ended.status.success(), "`{line}` failed ({})", ended.status);
    Ok(ended.stdout)
}

fn command_line(command: &Command) -> String {
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    format!("cargo {}", arguments.join(" "))
}
