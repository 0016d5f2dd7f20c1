//! Makes the data directory of a new cluster, and knows the release of an old one.

use std::fs::{self, File};
use std::io::ErrorKind;

use crate::account::{Account, output};
use crate::binaries::{Binaries, Wanted};
use crate::error::{At, Error};
use crate::options::Durability;
use crate::place::Place;

/// The release that can read the data of a place.
pub(crate) fn wanted_release(place: &Place) -> Result<Wanted, Error> {
    let path = place.data().join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text
            .trim()
            .parse()
            .map_or(Wanted::Supported, Wanted::Exactly)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Wanted::Supported),
        Err(error) => Err(error).at("read", &path),
    }
}

/// Makes the data directory, unless there is one. It appears under its name only when it is
/// complete, so an interrupted attempt is not mistaken for a cluster.
pub(crate) async fn ensure(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
    account: Account,
) -> Result<(), Error> {
    let data = place.data();
    if data.try_exists().at("look for", &data)? {
        return Ok(());
    }
    let unfinished = place.base().join("data.new");
    if unfinished.try_exists().at("look for", &unfinished)? {
        fs::remove_dir_all(&unfinished).at("remove", &unfinished)?;
    }
    let mut initdb = account.command(binaries.initdb());
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", "mobius", "-A", "trust", "-E", "UTF8"]);
    initdb.args(["--locale=C", "--no-instructions"]);
    if durability == Durability::Throwaway {
        initdb.arg("--no-sync");
    }
    let ended = output(initdb).await?;
    if !ended.status.success() {
        let output = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        return Err(Error::InitFailed { output });
    }
    fs::rename(&unfinished, &data).at("rename", &unfinished)?;
    File::open(place.base())
        .and_then(|dir| dir.sync_all())
        .at("write", place.base())
}
