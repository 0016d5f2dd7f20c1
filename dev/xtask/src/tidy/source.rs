//! Tells test code from product code in a Rust file, by its lines.

use super::tree::File;

/// A line of a Rust file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) text: &'a str,
    pub(super) is_test: bool,
}

/// All lines. Those of a file below `tests/`, and of an item behind `#[cfg(test)]`, are tests.
pub(super) fn lines(file: &File) -> Vec<Line<'_>> {
    let all_tests = file.path.split('/').any(|part| part == "tests");
    let mut part = Part::Product;
    let number_lines = file.text.lines().enumerate();
    number_lines
        .map(|(index, text)| {
            let is_test = part.includes(text);
            Line {
                number: index + 1,
                text,
                is_test: all_tests || is_test,
            }
        })
        .collect()
}

/// Where in the file a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Product,
    /// After `#[cfg(test)]`, before the item that it is about.
    TestItem,
    /// Within the braces of that item.
    TestBody,
}

impl Part {
    /// Whether this line is test code. Formatted code has the attribute and the closing brace of
    /// a top-level item in the first column.
    fn includes(&mut self, text: &str) -> bool {
        match self {
            Part::Product if text == "#[cfg(test)]" => *self = Part::TestItem,
            Part::Product => return false,
            Part::TestItem if text.ends_with('{') => *self = Part::TestBody,
            Part::TestItem if text.ends_with(';') || text.ends_with('}') => *self = Part::Product,
            Part::TestBody if text == "}" => *self = Part::Product,
            Part::TestItem | Part::TestBody => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests_in(path: &str, text: &str) -> Vec<usize> {
        let file = File {
            path: path.into(),
            text: text.into(),
        };
        lines(&file)
            .iter()
            .filter(|line| line.is_test)
            .map(|line| line.number)
            .collect()
    }

    #[test]
    fn a_test_module_ends_with_its_brace() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(tests_in("a.rs", text), [2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_test_only_declaration_is_one_line() {
        let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(tests_in("a.rs", text), [1, 2]);
    }

    #[test]
    fn a_file_below_tests_is_all_tests() {
        assert_eq!(tests_in("api/tests/it/main.rs", "fn a() {}\n"), [1]);
    }
}
