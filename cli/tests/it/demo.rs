//! `mobius demo`.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::harness::{Directory, Process, mobius, processes_naming};

/// Two Rust files and a Markdown file.
fn tree() -> Directory {
    let tree = Directory::create();
    let source = tree.path().join("src");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("main.rs"), "fn main() {\n\n}\n").unwrap();
    fs::write(source.join("lib.rs"), "mod a;\n").unwrap();
    fs::write(tree.path().join("README.md"), "# A\n\nb\nc\nd\n").unwrap();
    tree
}

/// A demo that puts its temporary files into a directory of the test's.
fn demo(tree: &Directory, temporary: &Directory) -> Process {
    let mut command = mobius(&["demo", "--portion", "2", "--dir"]);
    command.arg(tree.path()).env("TMPDIR", temporary.path());
    Process::start(command)
}

#[track_caller]
fn assert_nothing_is_left(temporary: &Path) {
    assert_eq!(processes_naming(temporary), [""; 0]);
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0);
}

#[tokio::test]
async fn the_demo_counts_a_tree_and_leaves_nothing() {
    let (tree, temporary) = (tree(), Directory::create());
    let table = demo(&tree, &temporary).ended().await.succeeded();
    let rows: Vec<Vec<&str>> = table
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    // Language, files, lines, blank lines, bytes; the one with the most lines first.
    let expected = [
        ["Markdown", "1", "5", "1", "11"],
        ["Rust", "2", "4", "1", "22"],
        ["Total", "3", "9", "2", "33"],
    ];
    for row in expected {
        assert!(
            rows.iter().any(|cells| cells[..] == row),
            "{row:?} in {table:#?}"
        );
    }
    // One job lists, two count a portion each, one adds up.
    let sum = table.last().unwrap();
    assert!(sum.starts_with("1 run with 4 jobs in "), "{sum}");
    assert_nothing_is_left(temporary.path());
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing() {
    let (tree, temporary) = (tree(), Directory::create());
    let mut demo = demo(&tree, &temporary);
    demo.logs("the database is up").await;
    demo.signal(Signal::INT);
    let ended = demo.ended().await;
    assert!(ended.status.code().is_some(), "it did not end by itself");
    assert_nothing_is_left(temporary.path());
}
