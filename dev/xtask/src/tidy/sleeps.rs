//! Tests wait for what they are about, not for time to pass.

use super::Finding;
use super::source;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_without_fixtures().flat_map(unexplained).collect()
}

fn unexplained(file: &File) -> Vec<Finding> {
    let mut explained = false;
    let mut found = Vec::new();
    for line in source::lines(file) {
        let code = line
            .text
            .split_once("//")
            .map_or(line.text, |(code, _)| code);
        if line.is_test && code.contains("sleep(") && !explained {
            let message = "a test sleeps: wait for a signal or move the virtual clock, or say why \
                           not in a line before, `// sleeps: …`";
            found.push(Finding::new(&file.path, line.number, message));
        }
        explained = line.text.trim_start().starts_with("// sleeps:");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_sleeps_has_to_say_why() {
        let text = "sleep(a);\n// sleeps: another process can't tell us.\nsleep(b);\n// sleep(c)\n";
        let found = check(&Tree::of(&[("tests/a.rs", text), ("src/a.rs", text)]));
        assert_eq!(
            found
                .iter()
                .map(|f| (f.path.as_str(), f.line))
                .collect::<Vec<_>>(),
            [("tests/a.rs", 1)]
        );
    }
}
