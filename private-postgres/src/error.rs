//! Why a private cluster could not be had: one sentence each, for a person who has just typed a
//! command and knows nothing of Postgres.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private cluster could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No binaries, and none could be installed.
    #[error("Postgres is not installed: {advice}, or set DATABASE_URL to a server of yours")]
    NotInstalled {
        /// How to get it on this system.
        advice: &'static str,
    },
    /// The directory that was named holds no usable binaries.
    #[error(
        "no usable Postgres {wanted} in {}: it must hold initdb and postgres, and the account that \
         runs them must be able to execute them", dir.display()
    )]
    NotInDirectory {
        /// The directory that was named.
        dir: PathBuf,
        /// The release that is needed.
        wanted: String,
    },
    /// There are binaries, of the wrong release or not executable.
    #[error(
        "Postgres {wanted} is needed, and no installed one will do (usable here: {found}): install \
         it, or name its directory in MOBIUS_PG_BIN"
    )]
    WrongRelease {
        /// The release that is needed.
        wanted: String,
        /// The releases that can be run.
        found: String,
    },
    /// The package manager failed.
    #[error("installing Postgres failed ({reason}): {advice}, or set DATABASE_URL")]
    InstallFailed {
        /// What went wrong.
        reason: String,
        /// How to get it by hand.
        advice: &'static str,
    },
    /// Postgres refuses to run as root, and there is nobody else.
    #[error(
        "Postgres refuses to run as root, and there is neither an account `postgres` nor `nobody`"
    )]
    NoAccount,
    /// Another process of ours has the directory.
    #[error("{} is in use by {holder}: stop that first, or name another data directory", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The process that holds it.
        holder: String,
    },
    /// The directory belongs to another account.
    #[error("{} belongs to another account than the one that would run Postgres", dir.display())]
    ForeignDirectory {
        /// The directory with the cluster's files.
        dir: PathBuf,
    },
    /// A server that an earlier process left behind does not end.
    #[error("the Postgres with process id {pid} still runs on {} and does not stop", dir.display())]
    OrphanStays {
        /// The process id.
        pid: u32,
        /// Its data directory.
        dir: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    InitFailed {
        /// What it said.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("Postgres did not start; its log ends with:\n{log}")]
    StartFailed {
        /// The end of its log.
        log: String,
    },
    /// The server was not ready in time.
    #[error("Postgres was not ready after {seconds} s; its log ends with:\n{log}")]
    StartTimedOut {
        /// The time it was given, in seconds.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The server did not end in time.
    #[error("Postgres did not stop within {seconds} s")]
    StopTimedOut {
        /// The time it was given, in seconds.
        seconds: u64,
    },
    /// The operating system refused.
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Says what was being done to which path when an operation failed.
pub(crate) trait At<T> {
    /// Names the action, as a verb, and its path.
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
