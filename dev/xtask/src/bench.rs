//! Runs the bench, optimised: unoptimised figures would mean nothing.

use std::path::Path;

use anyhow::Result;

use crate::cargo::{cargo, succeed};

/// Hands the arguments over to it.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let mut bench = cargo(
        root,
        &[
            "run",
            "--quiet",
            "--release",
            "--locked",
            "-p",
            "bench",
            "--",
        ],
    );
    bench.args(arguments);
    succeed(bench)
}
