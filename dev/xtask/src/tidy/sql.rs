//! Queries live in the store, and the only clock in SQL is `mobius_now()`.

use super::Finding;
use super::source;
use super::tree::{File, Tree};

/// Who may query: the store, what prepares databases for it, and what measures the plain SQL below
/// it.
const QUERYING: &[&str] = &[
    "dev/bench/",
    "store/",
    "private-postgres/tests/",
    "dev/test-support/",
    "dev/xtask/",
];

/// The clocks of Postgres.
const CLOCKS: &[&str] = &[
    "now()",
    "clock_timestamp()",
    "statement_timestamp()",
    "transaction_timestamp()",
    "current_timestamp",
    "localtimestamp",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.rust_without_fixtures();
    let in_rust = rust.flat_map(|file| queries(file).into_iter().chain(clocks_in_rust(file)));
    in_rust
        .chain(tree.migrations().flat_map(clocks_in_migration))
        .collect()
}

fn queries(file: &File) -> Vec<Finding> {
    if QUERYING.iter().any(|place| file.path.starts_with(place)) {
        return Vec::new();
    }
    let lines = source::lines(file).into_iter();
    lines
        .filter(|line| without_comment(line.text, "//").contains("sqlx::query"))
        .map(|line| {
            Finding::new(
                &file.path,
                line.number,
                "only the store queries the database",
            )
        })
        .collect()
}

fn clocks_in_rust(file: &File) -> Vec<Finding> {
    let lines = source::lines(file).into_iter();
    lines
        .filter(|line| reads_clock(without_comment(without_comment(line.text, "//"), "-- ")))
        .map(|line| clock_finding(file, line.number))
        .collect()
}

fn clocks_in_migration(file: &File) -> Vec<Finding> {
    let mut definition = Definition::default();
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, text)| {
            let code = without_comment(text, "--");
            !definition.includes(code) && reads_clock(code)
        })
        .map(|(index, _)| clock_finding(file, index + 1))
        .collect()
}

fn clock_finding(file: &File, line: usize) -> Finding {
    Finding::new(&file.path, line, "the only clock in SQL is mobius_now()")
}

/// The statement that defines `mobius_now()`, which has to read the real clock.
#[derive(Default)]
struct Definition {
    /// How many `$$` have been seen; `None` outside of it.
    quotes: Option<usize>,
}

impl Definition {
    /// Whether this line is part of it. It ends with the semicolon after its body.
    fn includes(&mut self, code: &str) -> bool {
        if code.to_ascii_lowercase().contains("function mobius_now") {
            self.quotes = Some(0);
        }
        let Some(quotes) = self.quotes else {
            return false;
        };
        let quotes = quotes + code.matches("$$").count();
        let ended = quotes.is_multiple_of(2) && code.trim_end().ends_with(';');
        self.quotes = (!ended).then_some(quotes);
        true
    }
}

fn without_comment<'a>(line: &'a str, mark: &str) -> &'a str {
    line.split_once(mark).map_or(line, |(code, _)| code)
}

/// Whether a clock is read: not as part of a longer name, a Rust path, a method or a definition.
fn reads_clock(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    CLOCKS.iter().any(|clock| {
        code.match_indices(clock).any(|(at, _)| {
            let before = &code[..at];
            let rest = &code[at + clock.len()..];
            let part_of_name = |c: char| c.is_ascii_alphanumeric() || "_:.'\"`".contains(c);
            !before.ends_with(part_of_name) && !before.ends_with("fn ") && !rest.starts_with('_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn a_query_outside_the_store_is_found() {
        let text = "// sqlx::query in a comment\nsqlx::query!(\"select 1\");\n";
        assert_eq!(lines_found("api/src/runs.rs", text), [2]);
        assert!(lines_found("store/src/runs.rs", text).is_empty());
    }

    #[test]
    fn the_clocks_of_postgres_are_found_in_queries() {
        let text =
            "update jobs set due = now()\nwhere due < CURRENT_TIMESTAMP\nselect mobius_now()";
        assert_eq!(lines_found("store/src/jobs.rs", text), [1, 2]);
    }

    #[test]
    fn clocks_of_rust_are_no_concern_of_this_check() {
        let text =
            "let t = Instant::now();\nlet u = clock.now();\nfn now() {}\n// the now() of SQL";
        assert!(lines_found("store/src/jobs.rs", text).is_empty());
    }

    #[test]
    fn only_the_definition_of_our_clock_reads_the_real_one() {
        let text = "create function mobius_now() returns timestamptz language sql as $$\n\
                    select clock_timestamp() + offset_by from clock;\n\
                    $$;\n\
                    alter table runs add column at timestamptz default now(); -- When.\n";
        assert_eq!(lines_found("migrations/0001_a.sql", text), [4]);
    }

    #[test]
    fn a_definition_without_quotes_ends_with_its_semicolon() {
        let text = "create function mobius_now() returns timestamptz\n\
                    return clock_timestamp();\n\
                    select now();\n";
        assert_eq!(lines_found("migrations/0001_a.sql", text), [3]);
    }
}
