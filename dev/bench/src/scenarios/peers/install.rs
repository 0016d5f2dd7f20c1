//! Installs the peers, at the versions that their lock files name, beside what cargo builds: the
//! source tree stays as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Their programs and lock files.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// Where they are installed: beside the directory of this executable, in the target directory.
pub(super) fn directory() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(2);
    Ok(target
        .context("this executable lies in no target directory")?
        .join("bench-peers"))
}

/// Installs all. One that can't be installed here leaves the others alone, and the bench skips it.
pub(crate) fn set_up() -> anyhow::Result<()> {
    let directory = directory()?;
    for (kind, install) in [
        ("node", node as fn(&Path) -> anyhow::Result<()>),
        ("python", python),
        ("rust", rust),
    ] {
        let place = directory.join(kind);
        let installed = copy(&Path::new(SOURCES).join(kind), &place).and_then(|()| install(&place));
        match installed {
            Ok(()) => eprintln!("installed the peers in {}", place.display()),
            Err(error) => eprintln!("skipped the {kind} peers: {error:#}"),
        }
    }
    Ok(())
}

fn node(place: &Path) -> anyhow::Result<()> {
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(place))
}

fn python(place: &Path) -> anyhow::Result<()> {
    let venv = place.join("venv");
    let mark = venv.join("installed");
    if mark.try_exists()? {
        fs::remove_file(&mark)?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut install = Command::new(venv.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "-r", "requirements.txt"]);
    run(install.current_dir(place))?;
    Ok(fs::write(mark, "")?)
}

fn rust(place: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--target-dir"]);
    // A workspace of its own: what cargo says of ours must not reach it.
    build
        .arg(place.join("target"))
        .current_dir(place)
        .env_remove("SQLX_OFFLINE");
    run(&mut build)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command
        .status()
        .with_context(|| format!("can't run {name}"))?;
    ensure!(ended.success(), "{name} failed ({ended})");
    Ok(())
}

/// Copies a directory, with the directories in it.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
