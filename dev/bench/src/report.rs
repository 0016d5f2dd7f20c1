//! Collects figures over the rounds and prints medians with their spread.

use std::path::Path;

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde_json::{Map, Value, json};

/// The figures by name, in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<(String, Vec<f64>)>,
}

impl Report {
    /// Adds a figure of one round.
    pub(crate) fn add(&mut self, name: String, value: f64) {
        eprintln!("  {name}: {value:.2}");
        match self.figures.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.figures.push((name, vec![value])),
        }
    }

    /// Prints a Markdown table.
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["figure", "median", "lowest", "highest"]);
        for (name, values) in &self.figures {
            let (low, median, high) = spread(values);
            let number = |value: f64| {
                let text = if value < 100.0 {
                    format!("{value:.2}")
                } else {
                    format!("{value:.0}")
                };
                Cell::new(text).set_alignment(CellAlignment::Right)
            };
            table.add_row([Cell::new(name), number(median), number(low), number(high)]);
        }
        println!("{table}");
    }

    /// Writes all values as JSON.
    pub(crate) fn write(&self, path: Option<&Path>) -> anyhow::Result<()> {
        let Some(path) = path else { return Ok(()) };
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|(name, values)| (name.clone(), json!(values)))
            .collect();
        std::fs::write(path, format!("{:#}\n", Value::Object(figures)))
            .with_context(|| format!("can't write {}", path.display()))
    }
}

/// The lowest, the middle and the highest value.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (
        sorted[0],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1],
    )
}
