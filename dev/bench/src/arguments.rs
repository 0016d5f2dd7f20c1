//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the control plane beside its limits and its peers, with durable commits.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// How often each scenario runs; the median is shown, with the lowest and the highest value.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Only these scenarios, by name; may be given several times.
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// Where the figures, the table and the plots are written. Default: docs/performance, and
    /// nowhere with --quick or --only.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// A short run that only shows that every scenario of ours works.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Also ten million finished runs, and a snapshot that is held for ten minutes.
    #[arg(long)]
    pub(crate) full: bool,
    /// Installs the peers that are measured beside us, and measures nothing.
    #[arg(long)]
    pub(crate) set_up: bool,
    /// A directory with initdb and postgres. Default: searched for, else installed.
    #[arg(long, env = "MOBIUS_PG_BIN")]
    pub(crate) pg_bin: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What a child process is started for.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Role {
    /// The control plane.
    #[command(hide = true)]
    Serve,
    /// An endpoint that answers with what it was sent.
    #[command(hide = true)]
    ServeEcho,
    /// The load of a scenario.
    #[command(hide = true)]
    Load,
}
