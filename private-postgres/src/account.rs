//! The operating system account that the server runs as, and commands under it.
//!
//! Postgres refuses to run as root. Whoever is root gets the account `postgres`, or `nobody`; all
//! others run the server as themselves.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::{At, Error};

/// The account that the server runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    /// Whether commands have to change to it, which only root can.
    other: bool,
}

impl Account {
    /// Our own account, or an unprivileged one when we are root.
    pub(crate) async fn choose() -> Result<Account, Error> {
        let ours = identity(None).await.ok_or(Error::NoAccount)?;
        if ours.uid != 0 {
            return Ok(ours);
        }
        for name in ["postgres", "nobody"] {
            if let Some(account) = identity(Some(name)).await {
                return Ok(Account {
                    other: true,
                    ..account
                });
            }
        }
        Err(Error::NoAccount)
    }

    /// Whether we are root and hand the server over to somebody else.
    pub(crate) fn is_other(self) -> bool {
        self.other
    }

    /// A command under this account, without standard input, from a directory that everybody may
    /// enter, and without the variables that redirect Postgres or translate its messages.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Runs a line of shell under this account; the arguments are `$1`, `$2`, …
    pub(crate) async fn shell(self, script: &str, arguments: &[&OsStr]) -> Result<Output, Error> {
        let mut command = self.command("sh");
        command.args(["-c", script, "sh"]).args(arguments);
        output(command).await
    }

    /// Whether this account can get to a directory and write in it.
    pub(crate) async fn can_write(self, dir: &Path) -> Result<bool, Error> {
        let tried = self
            .shell("cd -- \"$1\" && test -w .", &[dir.as_os_str()])
            .await?;
        Ok(tried.status.success())
    }

    /// Hands a path over to this account.
    pub(crate) fn take(self, path: &Path) -> Result<(), Error> {
        if !self.other {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).at("change the owner of", path)
    }

    /// Whether a path is a directory (no link to one) of this account.
    pub(crate) fn owns_directory(self, path: &Path) -> Result<bool, Error> {
        let found = fs::symlink_metadata(path).at("look at", path)?;
        Ok(found.is_dir() && found.uid() == self.uid)
    }
}

/// Runs a command to its end.
pub(crate) async fn output(command: Command) -> Result<Output, Error> {
    let program = Path::new(command.get_program()).to_owned();
    tokio::process::Command::from(command)
        .output()
        .await
        .at("run", &program)
}

/// Asks the system for an account: ours when no name is given.
async fn identity(name: Option<&str>) -> Option<Account> {
    Some(Account {
        uid: number("-u", name).await?,
        gid: number("-g", name).await?,
        other: false,
    })
}

async fn number(flag: &str, name: Option<&str>) -> Option<u32> {
    let mut command = Command::new("id");
    command.arg(flag).args(name).stdin(Stdio::null());
    let printed = output(command).await.ok()?;
    String::from_utf8(printed.stdout).ok()?.trim().parse().ok()
}
