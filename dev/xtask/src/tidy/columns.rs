//! Every column of a migration has a comment line before it or a comment on its own line.

use super::Finding;
use super::tree::{File, Tree};

/// Items of a table definition that are not columns.
const CONSTRAINTS: &[&str] = &[
    "constraint",
    "primary",
    "unique",
    "foreign",
    "check",
    "exclude",
    "like",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.migrations().flat_map(undocumented).collect()
}

fn undocumented(file: &File) -> Vec<Finding> {
    let mut table = Table::default();
    let mut before = "";
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let code = line.split_once("--").map_or(line, |(code, _)| code).trim();
        let column = table.column(code).or_else(|| added_column(code));
        if let Some(column) = column
            && !line.contains("--")
            && !before.starts_with("--")
        {
            let message = format!("the column {column} has no comment: put a `--` line before it");
            found.push(Finding::new(&file.path, index + 1, message));
        }
        if !line.trim().is_empty() {
            before = line.trim();
        }
    }
    found
}

/// `alter table … add column [if not exists] name type`.
fn added_column(code: &str) -> Option<String> {
    let lower = code.to_ascii_lowercase();
    let (_, rest) = lower.split_once("add column ")?;
    let name = rest
        .trim_start_matches("if not exists ")
        .split_whitespace()
        .next()?;
    Some(name.to_owned())
}

/// The table definition that is being read.
#[derive(Default)]
struct Table {
    /// Between `create table` and its parenthesis.
    announced: bool,
    /// Open parentheses since then.
    depth: usize,
    /// The next word begins a column or a constraint.
    item_begins: bool,
}

impl Table {
    /// The column that begins on this line.
    fn column(&mut self, code: &str) -> Option<String> {
        let lower = code.to_ascii_lowercase();
        if lower.starts_with("create table ") || lower.starts_with("create unlogged table ") {
            self.announced = !lower.contains(" partition of ");
        }
        let begins_here = self.depth == 1 && self.item_begins;
        self.count_parentheses(&lower);
        let name = lower.split_whitespace().next()?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '"' || c == '_');
        let is_column = begins_here && is_name && !CONSTRAINTS.contains(&name);
        is_column.then(|| name.to_owned())
    }

    fn count_parentheses(&mut self, code: &str) {
        for c in code.chars() {
            match c {
                '(' if self.announced || self.depth > 0 => {
                    self.announced = false;
                    self.depth += 1;
                    self.item_begins = self.depth == 1;
                }
                ')' => self.depth = self.depth.saturating_sub(1),
                ',' if self.depth == 1 => self.item_begins = true,
                c if !c.is_whitespace() && self.depth == 1 => self.item_begins = false,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        check(&Tree::of(&[("migrations/0001_a.sql", text)]))
            .iter()
            .map(|f| f.line)
            .collect()
    }

    #[test]
    fn a_column_without_a_comment_is_found() {
        let text = "create table runs (\n\
                    -- Sorts by time.\n\
                    id uuid primary key,\n\
                    name text not null, -- What people call it.\n\
                    price numeric(10,\n 2) not null,\n\
                    status text check (status in ('a', 'b')),\n\
                    constraint positive check (price > 0),\n\
                    primary key (id, name)\n\
                    );\n";
        assert_eq!(found(text), [5, 7]);
    }

    #[test]
    fn an_added_column_needs_a_comment_too() {
        assert_eq!(found("alter table runs add column note text;\n"), [1]);
        assert!(found("-- Free text.\nalter table runs add column note text;\n").is_empty());
    }

    #[test]
    fn other_parentheses_hold_no_columns() {
        let text = "create index on runs (\nname,\nstatus\n);\n\
                    create table runs_2026 partition of runs for values from ('a')\n to (\n'b');\n\
                    insert into clock (\na\n) values (\n1\n);\n";
        assert!(found(text).is_empty());
    }
}
