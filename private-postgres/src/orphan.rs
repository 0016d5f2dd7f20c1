//! Clears a data directory of what an earlier server left behind: itself, or only its claim.
//!
//! Called with the directory locked, so whatever runs there has lost its owner. It must never
//! signal a process that is not a server on this data directory.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::account::Account;
use crate::error::{At, Error};
use crate::pid_file;

/// How long a fast shutdown may take; it writes a checkpoint.
const POLITE: Duration = Duration::from_secs(15);
/// How long an immediate shutdown may take; after 5 s the server kills its own children.
const FIRM: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Returns when nothing runs on the data directory and nothing claims to.
pub(crate) async fn clear(data: &Path, account: Account) -> Result<(), Error> {
    let Some(left) = pid_file::read(data)? else {
        return Ok(());
    };
    if pid_file::is_server_on(left.pid, data, account).await? {
        return stop(left.pid, data, account).await;
    }
    if signal("0", left.pid, account).await? {
        // The process id is somebody else's by now. The server could not tell, and would refuse
        // to start; a file whose process is gone it handles itself, with more checks than ours.
        let path = pid_file::path(data);
        fs::remove_file(&path).at("remove", &path)?;
    }
    Ok(())
}

async fn stop(pid: u32, data: &Path, account: Account) -> Result<(), Error> {
    tracing::info!(
        pid,
        "stopping the Postgres that an earlier process left behind"
    );
    for (name, patience) in [("INT", POLITE), ("QUIT", FIRM)] {
        signal(name, pid, account).await?;
        // A stopped process sees the signal only when it goes on.
        signal("CONT", pid, account).await?;
        if tokio::time::timeout(patience, gone(pid, data, account))
            .await
            .is_ok()
        {
            return Ok(());
        }
    }
    Err(Error::OrphanStays {
        pid,
        dir: data.to_owned(),
    })
}

async fn gone(pid: u32, data: &Path, account: Account) -> Result<(), Error> {
    while pid_file::is_server_on(pid, data, account).await? {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Whether the process was there and ours to signal.
async fn signal(name: &str, pid: u32, account: Account) -> Result<bool, Error> {
    let pid = pid.to_string();
    let script = "kill -s \"$1\" \"$2\" 2>/dev/null";
    let sent = account
        .shell(script, &[OsStr::new(name), OsStr::new(&pid)])
        .await?;
    Ok(sent.status.success())
}
