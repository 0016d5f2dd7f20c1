//! `census.list`: walks a tree as git would see it and cuts its files into portions.
//!
//! Parameters: `root`, an absolute path of a directory, and `portion_size`, about how many files
//! a portion holds (default 200; more when there would be more than 2,000 portions). Result: an array of portions, `{"root", "files"}` each, the
//! files relative to the root. Ignored, hidden and binary files and symbolic links are left out.
//!
//! The order is the same each time, so that a retried attempt gives the same portions.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};
use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};

/// A portion's size if none is asked for: enough that a job is worth its round trip.
const DEFAULT_PORTION_SIZE: usize = 200;

/// The most portions: the run keeps all of them, and what was counted of each, in its state.
const MAX_PORTIONS: usize = 2_000;

/// So many first bytes tell a binary file, as in git.
const SNIFFED_BYTES: u64 = 8_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    root: PathBuf,
    portion_size: Option<usize>,
}

/// Some files of a tree: what one job counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Portion {
    /// The tree's directory.
    pub(crate) root: PathBuf,
    /// The files, relative to it.
    pub(crate) files: Vec<String>,
}

pub(crate) async fn list(
    ctx: Context,
    parameters: Parameters,
) -> Result<Vec<Portion>, ActionError> {
    let size = parameters.portion_size.unwrap_or(DEFAULT_PORTION_SIZE);
    if size == 0 {
        return Err(ActionError::fatal("`portion_size` must be at least 1"));
    }
    tokio::task::spawn_blocking(move || {
        let root = parameters.root;
        let files = files_of(&ctx, &root)?;
        let size = size.max(files.len().div_ceil(MAX_PORTIONS));
        let portions = files.chunks(size).map(|files| Portion {
            root: root.clone(),
            files: files.to_vec(),
        });
        Ok(portions.collect())
    })
    .await?
}

fn files_of(ctx: &Context, root: &Path) -> Result<Vec<String>, ActionError> {
    if !root.is_absolute() || !root.is_dir() {
        let root = root.display();
        return Err(ActionError::fatal(format!(
            "`root` {root} is not an absolute directory"
        )));
    }
    let walk = WalkBuilder::new(root)
        // A tree that was copied without its `.git` is ignored by the same rules.
        .require_git(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    let mut files = Vec::new();
    // What can't be listed can't be counted either.
    for entry in walk.flatten() {
        if ctx.is_cancelled() {
            return Err(ActionError::retry("stopped while listing"));
        }
        files.extend(countable(root, &entry));
    }
    Ok(files)
}

/// The path relative to the root, of a regular file with text in it. A file that can't be looked
/// into stays in, to be counted as skipped.
fn countable(root: &Path, entry: &DirEntry) -> Option<String> {
    let regular = entry.file_type().is_some_and(|kind| kind.is_file());
    if !regular || is_binary(entry.path()).unwrap_or(false) {
        return None;
    }
    let path = entry.path().strip_prefix(root).ok()?;
    path.to_str().map(str::to_owned)
}

fn is_binary(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?
        .take(SNIFFED_BYTES)
        .read_to_end(&mut first)?;
    Ok(first.contains(&0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mobius_worker_sdk::{CancelReason, testing::invoke};
    use serde_json::json;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[tokio::test]
    async fn a_tree_is_cut_into_portions_without_what_is_ignored_or_binary() {
        let root = tree(&[
            (".gitignore", "target\n*.log\n"),
            ("a.rs", "1"),
            ("b.log", "1"),
            ("c.bin", "a\0b"),
            ("src/d.rs", "1"),
            ("src/e.rs", "1"),
            ("target/f.rs", "1"),
        ]);
        std::os::unix::fs::symlink("a.rs", root.path().join("link.rs")).unwrap();
        let input = json!({"root": root.path(), "portion_size": 2});
        let portions = invoke(list, input).await.unwrap();
        let files: Vec<_> = portions
            .iter()
            .map(|portion| portion.files.clone())
            .collect();
        assert_eq!(files, [vec!["a.rs", "src/d.rs"], vec!["src/e.rs"]]);
        assert!(portions.iter().all(|portion| portion.root == root.path()));
    }

    #[tokio::test]
    async fn there_are_never_more_portions_than_a_run_can_hold() {
        let root = tempfile::tempdir().unwrap();
        for file in 0..=MAX_PORTIONS {
            fs::write(root.path().join(format!("{file}.rs")), "1").unwrap();
        }
        let input = json!({"root": root.path(), "portion_size": 1});
        let portions = invoke(list, input).await.unwrap();
        assert_eq!(portions.len(), MAX_PORTIONS.div_ceil(2) + 1);
    }

    #[tokio::test]
    async fn an_empty_tree_has_no_portions() {
        let root = tree(&[]);
        let portions = invoke(list, json!({"root": root.path()})).await;
        assert_eq!(portions, Ok(vec![]));
    }

    #[tokio::test]
    async fn a_root_that_is_no_absolute_directory_is_refused() {
        let root = tree(&[("a.rs", "1")]);
        for path in [
            Path::new("."),
            &root.path().join("a.rs"),
            &root.path().join("none"),
        ] {
            let error = invoke(list, json!({"root": path})).await.unwrap_err();
            assert_eq!(error.error_type(), "fatal_error", "{path:?}");
        }
    }

    #[tokio::test]
    async fn listing_stops_when_told_to() {
        let root = tree(&[("a.rs", "1")]);
        let invocation = invoke(list, json!({"root": root.path()}));
        invocation.canceller().cancel(CancelReason::Cancelled);
        assert!(invocation.await.is_err());
    }
}
