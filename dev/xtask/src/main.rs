//! `cargo xtask`: our own build and check commands, and what CI runs.
//!
//! For developing Mobius only. Nothing a user runs may depend on it.

mod bench;
mod cargo;
mod ci;
mod database;
mod openapi;
mod sqlx_prepare;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Our own build and check commands.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// A directory with initdb and postgres. Default: searched for, else installed.
    #[arg(long, env = "MOBIUS_PG_BIN", global = true)]
    pg_bin: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold before a change lands.
    Ci,
    /// Measures the control plane beside its limits and its peers; `--help` lists the arguments.
    #[command(disable_help_flag = true)]
    Bench {
        /// For the bench.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The rules of this code base that no other tool knows.
    Tidy,
    /// Describes the queries of the store for builds without a database, in `.sqlx/`.
    SqlxPrepare {
        /// Only say whether it is up to date.
        #[arg(long)]
        check: bool,
    },
    /// Writes the OpenAPI document of the server to `docs/openapi.json`.
    Openapi {
        /// Only say whether it is up to date.
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let root = workspace_root()?;
    match arguments.command {
        Command::Ci => ci::run(&root, arguments.pg_bin).await,
        Command::Bench { arguments } => bench::run(&root, &arguments),
        Command::Tidy => tidy::run(&root),
        Command::SqlxPrepare { check } => sqlx_prepare::run(&root, arguments.pg_bin, check).await,
        Command::Openapi { check } => openapi::run(&root, check),
    }
}

/// Cargo says where this package lies, so the commands work from any directory of the workspace.
fn workspace_root() -> Result<PathBuf> {
    let manifest_dir = std::env::var("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    PathBuf::from(manifest_dir)
        .join("../..")
        .canonicalize()
        .context("finding the workspace")
}
