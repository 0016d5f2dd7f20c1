//! Looks for installed Postgres binaries; installs nothing.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::account::{Account, output};
use crate::error::Error;

/// The oldest release that our SQL is tested with.
const OLDEST_MAJOR: u32 = 15;

/// A directory with `initdb` and `postgres`.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    dir: PathBuf,
    major: u32,
}

/// Which release will do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Any that our SQL is tested with.
    Supported,
    /// The one that wrote the data: another can't read it.
    Exactly(u32),
}

impl Binaries {
    pub(crate) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    fn complete(&self) -> bool {
        self.initdb().is_file() && self.postgres().is_file()
    }
}

impl Wanted {
    fn accepts(self, major: u32) -> bool {
        match self {
            Wanted::Supported => major >= OLDEST_MAJOR,
            Wanted::Exactly(wanted) => major == wanted,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Supported => write!(f, "{OLDEST_MAJOR} or later"),
            Wanted::Exactly(major) => write!(f, "{major} (which wrote the data)"),
        }
    }
}

/// The binaries in one directory.
pub(crate) async fn in_directory(
    dir: &Path,
    wanted: Wanted,
    account: Account,
) -> Result<Binaries, Error> {
    let found = inspect(dir, account)
        .await
        .filter(|found| wanted.accepts(found.major));
    found.ok_or_else(|| Error::NotInDirectory {
        dir: dir.to_owned(),
        wanted: wanted.to_string(),
    })
}

/// Whether there are binaries in any of the places that are searched, of whatever release.
pub(crate) fn installed() -> bool {
    candidates().any(|dir| Binaries { dir, major: 0 }.complete())
}

/// The first usable binaries of the search path, then of the usual places.
pub(crate) async fn find(wanted: Wanted, account: Account) -> Result<Binaries, Error> {
    let mut others = Vec::new();
    for dir in candidates() {
        match inspect(&dir, account).await {
            Some(found) if wanted.accepts(found.major) => return Ok(found),
            Some(found) if !others.contains(&found.major) => others.push(found.major),
            Some(_) | None => {}
        }
    }
    let found: Vec<String> = others.iter().map(u32::to_string).collect();
    let found = if found.is_empty() {
        "none".to_owned()
    } else {
        found.join(", ")
    };
    Err(Error::WrongRelease {
        wanted: wanted.to_string(),
        found,
    })
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    search_path().into_iter().chain(usual_places())
}

/// Both programs must lie side by side, and the server must run under the account.
async fn inspect(dir: &Path, account: Account) -> Option<Binaries> {
    let found = Binaries {
        dir: dir.to_owned(),
        major: 0,
    };
    if !found.complete() {
        return None;
    }
    let mut command = account.command(found.postgres());
    command.arg("--version");
    let printed = output(command).await.ok()?;
    let major = parse_major(&String::from_utf8(printed.stdout).ok()?)?;
    Some(Binaries { major, ..found })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 18beta1` → the first number.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL) ").nth(1)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What the search path leads to. Links are followed, because `initdb` looks for its files
/// relative to where the binaries really are.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter_map(|dir| fs::canonicalize(dir.join("postgres")).ok())
        .filter_map(|program| program.parent().map(Path::to_owned))
        .collect()
}

/// Where packages put the binaries when not on the search path: the directory to look in, what
/// the names in it begin with, and the way from there to the binaries.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

fn usual_places() -> Vec<PathBuf> {
    PLACES
        .iter()
        .flat_map(|(parent, prefix, rest)| releases(parent, prefix, rest))
        .collect()
}

/// The newest release first.
fn releases(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let mut names: Vec<String> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(release_number(name)));
    names
        .iter()
        .map(|name| Path::new(parent).join(name).join(rest))
        .collect()
}

fn release_number(name: &str) -> Option<u32> {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_release_is_read_from_what_postgres_prints() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else\n"), None);
    }

    #[test]
    fn the_newest_release_is_tried_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pgsql-9", "pgsql-17", "pgsql-16", "unrelated"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let parent = parent.path().to_str().unwrap();
        let found = releases(parent, "pgsql-", "bin");
        let expected = ["pgsql-17", "pgsql-16", "pgsql-9"];
        assert_eq!(
            found,
            expected.map(|name| Path::new(parent).join(name).join("bin"))
        );
    }
}
