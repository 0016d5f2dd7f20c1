//! The tables that people read.

use std::fmt::Write as _;

use super::{
    Report,
    figures::{CaseFigures, Figure, Spread},
    goals::{Bound, GOALS, Goal},
    names,
};

/// All tables, after a line about the machine.
pub(super) fn render(report: &Report, seconds: f64) -> String {
    let mut text = String::from("# Results\n\n");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let version = &report.postgres_version;
    let minutes = seconds / 60.0;
    let about = format!(
        "{cores} cores shared by all processes, Postgres {version}, {minutes:.0} minutes. What the \
         columns mean is in the [README](README.md).\n\n"
    );
    text.push_str(&about);
    goals(&mut text, report);
    figures(&mut text, report);
    costs(&mut text, report);
    for why in &report.skipped {
        text.push_str(&format!("\nNot measured: {why}\n"));
    }
    text
}

fn goals(text: &mut String, report: &Report) {
    text.push_str("## Goals\n\n| figure | goal | median | lowest | highest | × control | met |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|---|\n");
    for goal in GOALS {
        text.push_str(&goal_row(goal, report));
    }
}

fn goal_row(goal: &Goal, report: &Report) -> String {
    let bound = match goal.bound {
        Bound::AtLeast(least) => format!("≥ {}", number(least)),
        Bound::AtMost(most) => format!("≤ {}", number(most)),
    };
    let what = goal.what;
    let Some(figure) = goal.figure(report) else {
        return format!("| {what} | {bound} | – | – | – | – | not measured |\n");
    };
    let is_met = goal.bound.is_met(figure.spread().median);
    let met = match (report.quick, is_met) {
        (true, _) => "short run",
        (false, true) => "yes",
        (false, false) => "**no**",
    };
    format!("| {what} | {bound} | {} | {met} |\n", columns(figure))
}

fn figures(text: &mut String, report: &Report) {
    text.push_str(
        "\n## All figures\n\n| case | figure | median | lowest | highest | × control |\n",
    );
    text.push_str("|---|---|--:|--:|--:|--:|\n");
    for case in &report.cases {
        let label = &case.case.label;
        for figure in case.figures.iter().filter(|figure| !is_cost(figure)) {
            text.push_str(&format!(
                "| {label} | {} | {} |\n",
                figure.name,
                columns(figure)
            ));
        }
    }
}

fn costs(text: &mut String, report: &Report) {
    text.push_str(
        "\n## CPU\n\nMicroseconds for each of what is counted; medians. `others` is what ",
    );
    text.push_str("processes that are not ours used meanwhile, in cores.\n\n");
    text.push_str("| case | server | Postgres | client | others |\n|---|--:|--:|--:|--:|\n");
    for case in &report.cases {
        text.push_str(&cost_row(case));
    }
}

fn cost_row(case: &CaseFigures) -> String {
    let mut row = format!("| {} |", case.case.label);
    for name in [names::SERVER, names::POSTGRES, names::CLIENT, names::OTHERS] {
        let figure = case.figures.iter().find(|figure| figure.name == name);
        let median = figure.map_or_else(|| "–".to_owned(), |figure| number(figure.spread().median));
        // Writing to a string can't fail.
        let _ = write!(row, " {median} |");
    }
    row.push('\n');
    row
}

fn is_cost(figure: &Figure) -> bool {
    figure.name == names::OTHERS || figure.name.starts_with("CPU µs")
}

fn columns(figure: &Figure) -> String {
    let Spread {
        lowest,
        median,
        highest,
    } = figure.spread();
    let ratio = match figure.ratios.is_empty() {
        true => "–".to_owned(),
        false => number(Spread::of(&figure.ratios).median),
    };
    let [lowest, median, highest] = [lowest, median, highest].map(number);
    format!("{median} | {lowest} | {highest} | {ratio}")
}

/// Three digits are as much as can be reproduced.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if decimals > 0 {
        text
    } else {
        with_commas(&text)
    }
}

fn with_commas(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_commas() {
        let numbers = [0.0, 0.5, 12.34, 123.4, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(numbers, ["0", "0.50", "12.3", "123", "12,346", "1,234,567"]);
    }
}
