//! Describes the store's queries for builds without a database.
//!
//! The macros of sqlx write one file per query when they see a database and `SQLX_OFFLINE_DIR`.
//! So we give them a private database with our schema, and make the compiler expand them all
//! again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use crate::cargo::{cargo, succeed};
use crate::database;

/// File names and their contents.
type Descriptions = BTreeMap<String, Vec<u8>>;

/// Replaces `.sqlx/`, or checks the one that is there.
pub(crate) async fn run(root: &Path, bin_dir: Option<PathBuf>, check: bool) -> Result<()> {
    let postgres = database::start(bin_dir).await?;
    let url = postgres.url("postgres");
    migrate(root, &url).await?;
    let described = describe(root, &url);
    postgres.stop().await?;
    let (described, dir) = (described?, root.join(".sqlx"));
    if check {
        compare(&read(&dir)?, &described)
    } else {
        replace(&dir, &described)
    }
}

async fn migrate(root: &Path, url: &str) -> Result<()> {
    let migrator = Migrator::new(root.join("migrations"))
        .await
        .context("reading migrations/")?;
    let mut connection = PgConnection::connect(url).await?;
    migrator
        .run(&mut connection)
        .await
        .context("running migrations/")?;
    Ok(connection.close().await?)
}

fn describe(root: &Path, url: &str) -> Result<Descriptions> {
    let dir = root.join("target/sqlx-prepare");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    touch(&root.join("store/src/lib.rs"))?;
    let mut check = cargo(root, &["check", "-p", "mobius-store", "--all-targets"]);
    check
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &dir)
        .env("DATABASE_URL", url);
    succeed(check)?;
    read(&dir)
}

/// Cargo compiles again what is newer than its result.
fn touch(path: &Path) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the file system's clock, not ours"
    )]
    let now = std::time::SystemTime::now();
    let file = File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(now))
        .with_context(|| format!("touching {}", path.display()))
}

/// Nothing when there is no such directory yet.
fn read(dir: &Path) -> Result<Descriptions> {
    let mut files = Descriptions::new();
    if !dir.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        files.insert(name, fs::read(&path)?);
    }
    Ok(files)
}

fn compare(committed: &Descriptions, described: &Descriptions) -> Result<()> {
    let names = committed.keys().chain(described.keys());
    let differing = names
        .filter(|name| committed.get(*name) != described.get(*name))
        .count();
    if differing > 0 {
        bail!(".sqlx is out of date ({differing} files): run `cargo xtask sqlx-prepare`");
    }
    Ok(())
}

fn replace(dir: &Path, described: &Descriptions) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    for (name, content) in described {
        fs::write(dir.join(name), content)?;
    }
    println!("{} queries described in .sqlx/", described.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptions(files: &[(&str, &str)]) -> Descriptions {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn a_missing_an_extra_and_a_changed_file_are_all_out_of_date() {
        let one = descriptions(&[("a", "1")]);
        assert!(compare(&one, &one).is_ok());
        assert!(compare(&descriptions(&[]), &one).is_err());
        assert!(compare(&one, &descriptions(&[])).is_err());
        assert!(compare(&one, &descriptions(&[("a", "2")])).is_err());
    }

    #[test]
    fn what_is_written_is_read_back_and_old_files_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("sqlx");
        replace(&dir, &descriptions(&[("old", "1")])).unwrap();
        let new = descriptions(&[("new", "2")]);
        replace(&dir, &new).unwrap();
        assert_eq!(read(&dir).unwrap(), new);
    }
}
