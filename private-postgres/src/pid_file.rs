//! Reads what a running server says about itself in its data directory, and checks that it is
//! true: the file outlives a crash, and its process id may by then be anybody's.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{At, Error};

/// The lines of `postmaster.pid` that we use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    /// The process id, in line 1.
    pub(crate) pid: u32,
    /// Whether line 8 says that clients may connect.
    pub(crate) ready: bool,
}

/// Where the server keeps the file.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// The file as it is now; `None` when there is none, or it is being written.
pub(crate) fn read(data: &Path) -> Result<Option<PidFile>, Error> {
    let path = path(data);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("read", &path),
    }
}

fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    // A backend without a postmaster writes its process id as a negative number.
    let pid = lines.next()?.trim().parse::<i32>().ok()?.unsigned_abs();
    let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
    Some(PidFile { pid, ready })
}

/// Whether a process is a server on this very data directory.
pub(crate) async fn is_server_on(pid: u32, data: &Path, account: Account) -> Result<bool, Error> {
    if Path::new("/proc/self/cwd").exists() {
        // The server's working directory is its data directory.
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok();
        return Ok(cwd.is_some() && cwd == fs::canonicalize(data).ok());
    }
    let pid = pid.to_string();
    let listed = account
        .shell("ps -o args= -p \"$1\"", &[OsStr::new(&pid)])
        .await?;
    let arguments = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(arguments.contains(&format!("postgres -D {} ", data.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_line_eight_says_so() {
        let text = |status| format!("4711\n/data\n1700000000\n5432\n/sock\n\n 12 34\n{status}\n");
        assert_eq!(
            parse(&text("starting")),
            Some(PidFile {
                pid: 4711,
                ready: false
            })
        );
        assert_eq!(
            parse(&text("ready   ")),
            Some(PidFile {
                pid: 4711,
                ready: true
            })
        );
    }

    #[test]
    fn a_file_that_is_being_written_says_nothing() {
        assert_eq!(parse(""), None);
        assert_eq!(
            parse("4711\n"),
            Some(PidFile {
                pid: 4711,
                ready: false
            })
        );
    }
}
