//! Everything that must hold before a change lands, cheapest first, each step with its time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::cargo::{cargo, succeed};
use crate::{database, openapi, sqlx_prepare, tidy};

/// Runs all steps, also after one has failed, and names those that failed.
pub(crate) async fn run(root: &Path, pg_bin: Option<PathBuf>) -> Result<()> {
    let mut report = Report::default();
    report.step("format", || {
        succeed(cargo(root, &["fmt", "--all", "--check"]))
    });
    report.step("tidy", || tidy::run(root));
    report.step("dependencies", || dependencies(root));
    report.step("clippy", || {
        let lint = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        succeed(cargo(root, &lint))
    });
    report.step("documentation", || {
        let mut doc = cargo(root, &["doc", "--workspace", "--no-deps", "--locked"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        succeed(doc)
    });
    report.begin("query descriptions");
    report.end(sqlx_prepare::run(root, pg_bin.clone(), true).await);
    report.begin("tests");
    report.end(tests(root, pg_bin).await);
    report.step("OpenAPI document", || openapi::run(root, true));
    report.conclude()
}

/// All tests on one server: a template is then made once, not once per test binary.
async fn tests(root: &Path, pg_bin: Option<PathBuf>) -> Result<()> {
    let postgres = database::start(pg_bin).await?;
    let mut test = cargo(root, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    test.env("DATABASE_URL", postgres.url("postgres"));
    let tested = succeed(test);
    postgres.stop().await?;
    tested
}

/// Licences, duplicates and origins of our dependencies. Advisories need a database that is
/// fetched from the network; they are looked at elsewhere.
fn dependencies(root: &Path) -> Result<()> {
    let mut version = cargo(root, &["deny", "--version"]);
    let installed = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        println!("skipped: cargo-deny is not installed (`cargo install --locked cargo-deny`)");
        return Ok(());
    }
    let deny: Command = cargo(root, &["deny", "check", "bans", "licenses", "sources"]);
    succeed(deny)
}

/// What has been run so far.
#[derive(Default)]
struct Report {
    current: Option<(&'static str, Instant)>,
    failed: Vec<&'static str>,
}

impl Report {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        self.begin(name);
        self.end(work());
    }

    fn begin(&mut self, name: &'static str) {
        println!("==> {name}");
        self.current = Some((name, Instant::now()));
    }

    fn end(&mut self, outcome: Result<()>) {
        let Some((name, since)) = self.current.take() else {
            return;
        };
        let seconds = since.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => println!("<== {name}: ok, {seconds:.1} s"),
            Err(error) => {
                println!("<== {name}: FAILED, {seconds:.1} s: {error:#}");
                self.failed.push(name);
            }
        }
    }

    fn conclude(self) -> Result<()> {
        if self.failed.is_empty() {
            println!("all steps passed");
            return Ok(());
        }
        bail!("failed: {}", self.failed.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_hide_the_steps_after_it() {
        let mut report = Report::default();
        report.step("first", || bail!("no"));
        report.step("second", || Ok(()));
        report.step("third", || bail!("no"));
        assert_eq!(
            report.conclude().unwrap_err().to_string(),
            "failed: first, third"
        );
    }
}
