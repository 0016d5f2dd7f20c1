//! Keeps `docs/openapi.json` equal to the document that the server serves.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cargo::{capture, cargo};

const FILE: &str = "docs/openapi.json";

/// Writes the document, or checks the one that is there.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let served = capture(cargo(
        root,
        &["run", "--quiet", "-p", "mobius", "--", "openapi"],
    ))?;
    let path = root.join(FILE);
    if check {
        let written = fs::read(&path).with_context(|| format!("reading {FILE}"))?;
        ensure!(
            written == served,
            "{FILE} is out of date: run `cargo xtask openapi`"
        );
        return Ok(());
    }
    fs::write(path, served).with_context(|| format!("writing {FILE}"))
}
