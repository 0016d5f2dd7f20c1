//! Parses the command line, and says in one line which setting has a value that can't be used.
//!
//! Who sets variables in a deployment reads logs line by line, and knows the variable rather than
//! the flag. Everything else that can be wrong with a command line is told by the parser itself.

use clap::{
    Arg, Command, CommandFactory, Error, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::args::Arguments;

/// The command line, or the end of the process with status 2.
pub(crate) fn arguments() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| match unusable_value(&error) {
        Some(line) => {
            eprintln!("{line}");
            std::process::exit(2);
        }
        None => error.exit(),
    })
}

/// The line about a value; `None` for an error that is about something else.
fn unusable_value(error: &Error) -> Option<String> {
    if !matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    ) {
        return None;
    }
    let flag = text(error, ContextKind::InvalidArg)?;
    let arguments = Arguments::command();
    let argument = find(&arguments, flag)?;
    let variable = argument.get_env()?.to_string_lossy();
    // After the first empty line comes advice.
    let rendered = error.render().to_string();
    let lines: Vec<&str> = rendered
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let mut line = lines.join(" ");
    if argument.is_hide_env_values_set()
        && let Some(value) = text(error, ContextKind::InvalidValue)
    {
        line = line.replacen(&format!("'{value}'"), "(not shown)", 1);
    }
    Some(line.replacen(&format!("'{flag}'"), &format!("'{flag}' ({variable})"), 1))
}

fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The argument of a command or of one below it, by how errors call it: `--flag <VALUE>`.
fn find<'c>(command: &'c Command, flag: &str) -> Option<&'c Arg> {
    let long = flag.split(' ').next()?.strip_prefix("--")?;
    let here = command
        .get_arguments()
        .find(|argument| argument.get_long() == Some(long));
    here.or_else(|| {
        command
            .get_subcommands()
            .find_map(|subcommand| find(subcommand, flag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> Option<String> {
        let error = Arguments::try_parse_from(arguments).unwrap_err();
        unusable_value(&error)
    }

    #[test]
    fn a_value_is_named_with_its_variable() {
        let url = "--database-url=postgres://localhost/mobius";
        let said = line(&["mobius", "server", url, "--roles", "cook"]);
        assert_eq!(
            said.unwrap(),
            "error: invalid value 'cook' for '--roles <ROLES>' (MOBIUS_ROLES) \
             [possible values: api, scheduler]"
        );
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let said = line(&[
            "mobius",
            "migrate",
            "--database-url",
            "mysql://me:secret@host/db",
        ]);
        assert_eq!(
            said.unwrap(),
            "error: invalid value (not shown) for '--database-url <DATABASE_URL>' \
             (DATABASE_URL): it must be a postgres:// URL"
        );
    }

    #[test]
    fn help_and_unknown_flags_are_left_to_the_parser() {
        assert_eq!(line(&["mobius", "--help"]), None);
        assert_eq!(line(&["mobius", "server", "--colour"]), None);
    }
}
