//! Prints what was counted.

use std::path::Path;

use code_census::Row;
use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};

use super::census::Outcome;

/// The most languages that get a row of their own.
const ROWS: usize = 20;

/// Prints the table, and what it took.
pub(super) fn print(root: &Path, outcome: &Outcome) {
    let census = &outcome.summary.census;
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["Language", "Files", "Lines", "Blank", "Bytes"]);
    for row in census.rows.iter().take(ROWS) {
        table.add_row(cells(row));
    }
    table.add_row(cells(&census.total()));
    println!("{}", root.display());
    println!("{table}");
    if census.rows.len() > ROWS {
        println!("… and {} smaller languages", census.rows.len() - ROWS);
    }
    if census.skipped > 0 {
        println!("{} files could not be read", census.skipped);
    }
    let seconds = outcome.took.as_secs_f64();
    // One lists, one counts each portion, one adds up.
    let jobs = outcome.summary.portions + 2;
    println!(
        "1 run with {jobs} jobs in {seconds:.2} s ({:.0} a second), each stored, claimed, executed and completed over HTTP; the database was a throwaway",
        jobs as f64 / seconds,
    );
}

fn cells(row: &Row) -> Vec<Cell> {
    let number = |value: u64| Cell::new(value).set_alignment(CellAlignment::Right);
    vec![
        Cell::new(&row.language),
        number(row.files),
        number(row.lines),
        number(row.blank),
        number(row.bytes),
    ]
}
