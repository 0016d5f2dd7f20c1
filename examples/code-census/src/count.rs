//! `census.count`: counts the files of one portion.
//!
//! Parameters: a portion, `{"root", "files"}`. Result: a census of it. A file that can't be read
//! is counted as skipped; a path that leads out of the root fails the job for good, because a
//! start of a run must not be a way to read any file of the host.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Component, Path, PathBuf},
};

use mobius_worker_sdk::{ActionError, Context};

use crate::{Census, Row, language, list::Portion};

pub(crate) async fn count(ctx: Context, portion: Portion) -> Result<Census, ActionError> {
    tokio::task::spawn_blocking(move || count_portion(&ctx, &portion)).await?
}

fn count_portion(ctx: &Context, portion: &Portion) -> Result<Census, ActionError> {
    let root = portion.root.canonicalize()?;
    let mut parts = Vec::new();
    for file in &portion.files {
        if ctx.is_cancelled() {
            return Err(ActionError::retry("stopped while counting"));
        }
        let part = match resolve(&root, Path::new(file))? {
            Some(path) => count_file(&path),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        parts.push(match part {
            Ok(row) => Census {
                rows: vec![row],
                skipped: 0,
            },
            Err(_) => Census {
                rows: Vec::new(),
                skipped: 1,
            },
        });
    }
    Ok(Census::merge(parts))
}

/// The real path of a file under the root; `None` if there is none.
fn resolve(root: &Path, file: &Path) -> Result<Option<PathBuf>, ActionError> {
    let outside = || ActionError::fatal(format!("{} is outside the root", file.display()));
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !file.components().all(plain) {
        return Err(outside());
    }
    let Ok(path) = root.join(file).canonicalize() else {
        return Ok(None);
    };
    // A directory on the way may be a symbolic link.
    if !path.starts_with(root) {
        return Err(outside());
    }
    Ok(Some(path))
}

fn count_file(path: &Path) -> io::Result<Row> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut reader = BufReader::new(file);
    let mut row = Row {
        language: language::of(path).to_owned(),
        files: 1,
        ..Row::default()
    };
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        row.lines += 1;
        row.bytes += line.len() as u64;
        if line.iter().all(u8::is_ascii_whitespace) {
            row.blank += 1;
        }
        line.clear();
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.rs"), "fn a() {}\n\n  \nfn b() {}").unwrap();
        fs::write(root.path().join("b.rs"), b"\xff\n").unwrap();
        fs::write(root.path().join("c.md"), "").unwrap();
        root
    }

    #[tokio::test]
    async fn lines_blank_lines_and_bytes_are_counted_by_language() {
        let root = tree();
        let input = json!({"root": root.path(), "files": ["a.rs", "b.rs", "c.md"]});
        let census = invoke(count, input).await.unwrap();
        let rust = &census.rows[0];
        assert_eq!(rust.language, "Rust");
        assert_eq!(
            (rust.files, rust.lines, rust.blank, rust.bytes),
            (2, 5, 2, 25)
        );
        let markdown = &census.rows[1];
        assert_eq!(
            (markdown.language.as_str(), markdown.files, markdown.lines),
            ("Markdown", 1, 0)
        );
        assert_eq!(census.skipped, 0);
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_read_is_skipped() {
        let root = tree();
        fs::create_dir(root.path().join("directory.rs")).unwrap();
        let input = json!({"root": root.path(), "files": ["gone.rs", "directory.rs", "a.rs"]});
        let census = invoke(count, input).await.unwrap();
        assert_eq!(census.skipped, 2);
        assert_eq!(census.rows[0].files, 1);
    }

    #[tokio::test]
    async fn a_path_that_leads_out_of_the_root_is_refused() {
        let root = tree();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.rs"), "1").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("way")).unwrap();
        for file in ["/etc/passwd", "../a.rs", "x/../../a.rs", "way/secret.rs"] {
            let input = json!({"root": root.path(), "files": [file]});
            let error = invoke(count, input).await.unwrap_err();
            assert_eq!(error.error_type(), "fatal_error", "{file}");
        }
    }
}
