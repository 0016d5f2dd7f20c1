//! The files that the checks look at, read once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A text file of the workspace.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// From the root of the workspace, with slashes.
    pub(super) path: String,
    pub(super) text: String,
}

/// All Rust, SQL and Cargo files of the workspace.
#[derive(Debug)]
pub(super) struct Tree {
    files: Vec<File>,
}

/// Not ours, or not written by hand.
const SKIPPED: &[&str] = &["target", "node_modules", "dist"];

/// Its tests contain what it looks for.
const OWN_FIXTURES: &str = "dev/xtask/src/tidy/";

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Tree> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).into(),
            text: (*text).into(),
        };
        Tree {
            files: files.iter().map(file).collect(),
        }
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Without the texts that the tests of these checks are about.
    pub(super) fn rust_without_fixtures(&self) -> impl Iterator<Item = &File> {
        self.rust()
            .filter(|file| !file.path.starts_with(OWN_FIXTURES))
    }

    pub(super) fn migrations(&self) -> impl Iterator<Item = &File> {
        let is_migration = |path: &str| path.starts_with("migrations/") && path.ends_with(".sql");
        self.files
            .iter()
            .filter(move |file| is_migration(&file.path))
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn collect(root: &Path, dir: &str, files: &mut Vec<File>) -> Result<()> {
    let listed = root.join(dir);
    for entry in fs::read_dir(&listed).with_context(|| format!("listing {}", listed.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if dir.is_empty() {
            name.clone()
        } else {
            format!("{dir}/{name}")
        };
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
        } else if name.ends_with(".rs") || name.ends_with(".sql") || name == "Cargo.toml" {
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("reading {path}"))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_and_hidden_directories_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "a/src/lib.rs",
            "target/debug/b.rs",
            ".git/c.rs",
            "console/dist/d.rs",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<_> = tree.rust().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/src/lib.rs"]);
    }
}
