//! What was counted, and how parts add up. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was counted of one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The language's name.
    pub language: String,
    /// How many files.
    pub files: u64,
    /// How many lines, blank ones included.
    pub lines: u64,
    /// How many lines hold nothing but white space.
    pub blank: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Row {
    pub(crate) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.lines += other.lines;
        self.blank += other.blank;
        self.bytes += other.bytes;
    }
}

/// What was counted of a tree, or of a portion of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// One row a language, the one with the most lines first.
    pub rows: Vec<Row>,
    /// Files that could not be read.
    pub skipped: u64,
}

impl Census {
    /// Adds up any number of parts, in any order.
    #[must_use]
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut rows = BTreeMap::<String, Row>::new();
        let mut skipped = 0;
        for part in parts {
            skipped += part.skipped;
            for row in part.rows {
                let sum = rows.entry(row.language.clone()).or_insert_with(|| Row {
                    language: row.language.clone(),
                    ..Row::default()
                });
                sum.add(&row);
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        // The sort is stable, so languages of equal size stay in the order of their names.
        rows.sort_by_key(|row| std::cmp::Reverse(row.lines));
        Self { rows, skipped }
    }

    /// The sum of all languages.
    #[must_use]
    pub fn total(&self) -> Row {
        let mut total = Row {
            language: "Total".to_owned(),
            ..Row::default()
        };
        for row in &self.rows {
            total.add(row);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(language: &str, lines: u64) -> Row {
        Row {
            language: language.to_owned(),
            files: 1,
            lines,
            blank: 1,
            bytes: 10 * lines,
        }
    }

    fn part(rows: Vec<Row>, skipped: u64) -> Census {
        Census { rows, skipped }
    }

    #[test]
    fn parts_add_up_by_language_and_are_sorted_by_lines() {
        let one = part(vec![row("SQL", 5), row("Rust", 2)], 1);
        let two = part(vec![row("Rust", 9), row("Markdown", 5)], 2);
        let census = Census::merge([one, two]);
        let lines: Vec<_> = census
            .rows
            .iter()
            .map(|r| (r.language.as_str(), r.lines))
            .collect();
        assert_eq!(lines, [("Rust", 11), ("Markdown", 5), ("SQL", 5)]);
        assert_eq!(census.skipped, 3);
        let total = census.total();
        assert_eq!(
            (total.files, total.lines, total.blank, total.bytes),
            (4, 21, 4, 210)
        );
    }

    #[test]
    fn the_order_of_the_parts_does_not_matter() {
        let one = part(vec![row("C", 1), row("D", 1)], 0);
        let two = part(vec![row("D", 1), row("B", 2)], 0);
        let forward = Census::merge([one.clone(), two.clone()]);
        assert_eq!(forward, Census::merge([two, one]));
    }

    #[test]
    fn nothing_adds_up_to_nothing() {
        assert_eq!(Census::merge([]), Census::default());
    }
}
