//! Refuses environment variables that look like settings and are none.
//!
//! A misspelt variable would otherwise be ignored, and its default silently stay in force.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};

use crate::args::Arguments;

const PREFIX: &str = "MOBIUS_";

/// Checks the names of the environment's variables.
pub(crate) fn refuse_unknown() -> Result<(), String> {
    let mut known = BTreeSet::new();
    collect(&Arguments::command(), &mut known);
    let given = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    check(&known, given)
}

fn check(known: &BTreeSet<String>, given: impl Iterator<Item = String>) -> Result<(), String> {
    for name in given {
        if name.starts_with(PREFIX) && !known.contains(&name) && !is_service_link(&name) {
            return Err(format!(
                "the environment variable {name} is not a setting of mobius"
            ));
        }
    }
    Ok(())
}

/// Kubernetes puts these into every pod beside a service that is called `mobius`.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest
            .strip_prefix("PORT_")
            .is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()))
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    let names = command
        .get_arguments()
        .filter_map(|argument| argument.get_env());
    known.extend(names.filter_map(|name| name.to_str()).map(str::to_owned));
    command
        .get_subcommands()
        .for_each(|subcommand| collect(subcommand, known));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let mut known = BTreeSet::new();
        collect(&Arguments::command(), &mut known);
        let given = |name: &str| std::iter::once(name.to_owned());
        assert!(check(&known, given("MOBIUS_LISTEN")).is_ok());
        assert!(check(&known, given("PATH")).is_ok());
        for link in [
            "MOBIUS_SERVICE_HOST",
            "MOBIUS_SERVICE_PORT_HTTP",
            "MOBIUS_PORT_80_TCP_ADDR",
        ] {
            assert!(check(&known, given(link)).is_ok(), "{link}");
        }
        let error = check(&known, given("MOBIUS_LISTENN")).unwrap_err();
        assert!(error.contains("MOBIUS_LISTENN"), "{error}");
    }
}
