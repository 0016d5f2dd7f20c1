//! Log lines: to standard error, so that standard output holds what a command was asked for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LoggingArguments};

/// Starts logging; `default` is what is logged when nobody says.
pub(crate) fn start(arguments: &LoggingArguments, default: &str) {
    let filter = arguments.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
        eprintln!("error: MOBIUS_LOG: {error}");
        std::process::exit(2);
    });
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match arguments.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}
