//! Directories for private clusters, and who still works in them.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, process::Command};

use tempfile::TempDir;

/// A directory that every account can enter: root runs Postgres under another one, and a cluster
/// that could not get here would put its files elsewhere.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn create() -> Directory {
        let open = Permissions::from_mode(0o755);
        Directory(
            tempfile::Builder::new()
                .permissions(open)
                .tempdir()
                .unwrap(),
        )
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The command lines of running processes that name this directory.
pub(crate) fn processes_naming(directory: &Path) -> Vec<String> {
    let listed = Command::new("ps").args(["-eww", "-o", "args="]).output();
    let listed = String::from_utf8_lossy(&listed.unwrap().stdout).into_owned();
    let name = directory.to_str().unwrap();
    let naming = listed.lines().filter(|arguments| arguments.contains(name));
    naming.map(str::to_owned).collect()
}
