//! Every Rust file says first what it is for, and none is too long to be read.

use super::Finding;
use super::source;
use super::tree::{File, Tree};

/// Without the tests in the file itself.
const LONGEST: usize = 400;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .flat_map(|file| opening(file).into_iter().chain(length(file)))
        .collect()
}

fn opening(file: &File) -> Option<Finding> {
    let message = "a file opens with `//!`, saying what it is for and what it must not do";
    (!file.text.starts_with("//!")).then(|| Finding::new(&file.path, 1, message))
}

fn length(file: &File) -> Option<Finding> {
    let in_tests_directory = file.path.split('/').any(|part| part == "tests");
    let counts = |is_test: bool| in_tests_directory || !is_test;
    let length = source::lines(file)
        .iter()
        .filter(|line| counts(line.is_test))
        .count();
    let message = format!("{length} lines without tests, {LONGEST} are allowed: split by meaning");
    (length > LONGEST).then(|| Finding::new(&file.path, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_opening_comment_is_found() {
        let tree = Tree::of(&[("a.rs", "fn a() {}\n"), ("b.rs", "//! Is for b.\n")]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("a.rs", 1));
    }

    #[test]
    fn tests_in_a_file_do_not_count_and_a_test_file_does() {
        let product = format!("//! x\n{}", "//\n".repeat(399));
        let with_tests = format!(
            "{product}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "    //\n".repeat(99)
        );
        let too_long = format!("{product}//\n");
        let tree = Tree::of(&[
            ("ok.rs", &with_tests),
            ("long.rs", &too_long),
            ("tests/long.rs", &too_long),
        ]);
        let found: Vec<_> = check(&tree)
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(found, ["long.rs", "tests/long.rs"]);
    }
}
