//! Installs Postgres where that needs no questions, and says what to type where it does.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::binaries;
use crate::error::{At, Error};
use crate::options::{Install, Options};

/// Installs the server where none is, or says why it can't. Returns the account to run it under:
/// the package brings one.
pub(crate) async fn ensure(options: &Options) -> Result<Account, Error> {
    let account = Account::choose().await?;
    if options.bin_dir.is_some() || binaries::installed() {
        return Ok(account);
    }
    if options.install == Install::Refused || !account.is_other() || !is_debian() {
        return Err(Error::NotInstalled { advice: advice() });
    }
    tracing::info!("Postgres is not installed: asking apt-get for it");
    apt_get_install().await?;
    Account::choose().await
}

async fn apt_get_install() -> Result<(), Error> {
    let _no_main_cluster = NoMainCluster::declare()?;
    apt_get(&["update"]).await?;
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql"]).await
}

/// Progress goes to standard error: standard output belongs to the caller's own data.
async fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let failed = |reason: String| Error::InstallFailed {
        reason,
        advice: advice(),
    };
    let progress = std::io::stderr().as_fd().try_clone_to_owned();
    let progress = progress.map_err(|e| failed(e.to_string()))?;
    let mut command = Command::new("apt-get");
    command
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(progress);
    let ended = tokio::process::Command::from(command).status().await;
    let ended = ended.map_err(|e| failed(e.to_string()))?;
    if ended.success() {
        return Ok(());
    }
    Err(failed(format!(
        "apt-get {} ended with {ended}",
        arguments[0]
    )))
}

/// As long as this lives, Debian's package creates and starts no server of its own: it reads the
/// files of this directory while it is being configured.
struct NoMainCluster(PathBuf);

impl NoMainCluster {
    fn declare() -> Result<NoMainCluster, Error> {
        let dir = Path::new("/etc/postgresql-common/createcluster.d");
        fs::create_dir_all(dir).at("create", dir)?;
        let file = dir.join("mobius-private.conf");
        fs::write(&file, "create_main_cluster = false\n").at("write", &file)?;
        Ok(NoMainCluster(file))
    }
}

impl Drop for NoMainCluster {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!("can't remove {}: {error}", self.0.display());
        }
    }
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// What to type on this system.
fn advice() -> &'static str {
    if cfg!(target_os = "macos") {
        return "run `brew install postgresql@17`";
    }
    if is_debian() {
        return "run `sudo apt-get install postgresql`";
    }
    if Path::new("/etc/redhat-release").exists() {
        return "run `sudo dnf install postgresql-server`";
    }
    "install the package with initdb and postgres, or name their directory in MOBIUS_PG_BIN"
}
