//! Decides where a cluster's files lie.
//!
//! Normally that is the data directory itself. A server that runs under another account than ours
//! may be unable to get there (a checkout below `/root`); then the files lie elsewhere, and a file
//! in the data directory says where. Deleting the data directory therefore always means a fresh
//! start: files elsewhere are only ever found through it.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{At, Error};
use crate::options::{Durability, Options};

/// The longest socket path is 104 bytes on macOS and 108 on Linux, each with a final zero, and
/// the server appends `/.s.PGSQL.5432.lock` for a moment.
const LONGEST_SOCKET_DIR: usize = 103 - "/.s.PGSQL.5432.lock".len();

/// Where a cluster's files lie.
#[derive(Debug)]
pub(crate) struct Place {
    /// Holds everything of the server's, and belongs to its account.
    base: PathBuf,
    /// Where clients connect.
    socket_dir: PathBuf,
    /// Gone with the cluster, when it is a throwaway one.
    deleted_with_cluster: Option<PathBuf>,
}

impl Place {
    /// Finds the place of a data directory that exists and is locked, or makes one.
    pub(crate) async fn settle(
        options: &Options,
        created: bool,
        account: Account,
    ) -> Result<Place, Error> {
        let data_dir = fs::canonicalize(&options.data_dir).at("find", &options.data_dir)?;
        let throwaway = options.durability == Durability::Throwaway;
        if throwaway && created {
            // The supervisor deletes it, under the server's account.
            account.take(&data_dir)?;
        }
        let near = data_dir.join("postgres");
        let base = match recorded(&data_dir)? {
            Some(elsewhere) => elsewhere,
            None if reachable(&near, account).await? => near.clone(),
            None => relocate(&data_dir, options.durability)?,
        };
        create_private(&base, account)?;
        let doomed = if base == near { data_dir } else { base.clone() };
        Ok(Place {
            socket_dir: socket_dir(&base, account)?,
            base,
            deleted_with_cluster: throwaway.then_some(doomed),
        })
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The server's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.base.join("postgres.log")
    }

    pub(crate) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// What nobody needs once the cluster has stopped.
    pub(crate) fn leftovers(&self) -> Vec<&Path> {
        let socket_dir = (self.socket_dir != self.base).then_some(self.socket_dir.as_path());
        socket_dir
            .into_iter()
            .chain(self.deleted_with_cluster.as_deref())
            .collect()
    }
}

fn pointer(data_dir: &Path) -> PathBuf {
    data_dir.join("location")
}

/// The place elsewhere that an earlier start chose.
fn recorded(data_dir: &Path) -> Result<Option<PathBuf>, Error> {
    let pointer = pointer(data_dir);
    match fs::read_to_string(&pointer) {
        Ok(path) => Ok(Some(PathBuf::from(path.trim_end()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("read", &pointer),
    }
}

/// Whether the server's account can work in the directory, which is made for the trial.
async fn reachable(near: &Path, account: Account) -> Result<bool, Error> {
    create_private(near, account)?;
    if account.can_write(near).await? {
        return Ok(true);
    }
    fs::remove_dir(near).at("remove", near)?;
    Ok(false)
}

/// Chooses a place that every account can get to, and records it before anything is put there.
fn relocate(data_dir: &Path, durability: Durability) -> Result<PathBuf, Error> {
    let name = format!("{:016x}-{:08x}", fnv1a(data_dir), rand::random::<u32>());
    let lasting = Path::new("/var/lib/mobius");
    let base = match durability {
        Durability::Durable if fs::create_dir_all(lasting).is_ok() => lasting.join(name),
        Durability::Durable | Durability::Throwaway => {
            PathBuf::from("/tmp").join(format!("mobius-{name}"))
        }
    };
    let pointer = pointer(data_dir);
    fs::write(&pointer, base.as_os_str().as_encoded_bytes()).at("write", &pointer)?;
    Ok(base)
}

/// Makes a directory for the server's account alone. One that exists must be that already: in
/// `/tmp` anybody could have made it.
fn create_private(dir: &Path, account: Account) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => account.take(dir),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if account.owns_directory(dir)? {
                return Ok(());
            }
            Err(Error::ForeignDirectory {
                dir: dir.to_owned(),
            })
        }
        Err(error) => Err(error).at("create", dir),
    }
}

/// The socket lies beside the data, unless its path would be too long or would need quoting in a
/// server setting or a URL.
fn socket_dir(base: &Path, account: Account) -> Result<PathBuf, Error> {
    if fits_socket(base) {
        return Ok(base.to_owned());
    }
    let dir = PathBuf::from("/tmp").join(format!("mobius-{:016x}", rand::random::<u64>()));
    create_private(&dir, account)?;
    Ok(dir)
}

fn fits_socket(dir: &Path) -> bool {
    let bytes = dir.as_os_str().as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    bytes.len() <= LONGEST_SOCKET_DIR && bytes.iter().all(plain)
}

/// A stable hash (the standard library's may change between releases), so that the places of one
/// data directory can be recognised: Fowler, Noll and Vo, variant 1a, 64 bits.
fn fnv1a(path: &Path) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_unusual_path_is_no_place_for_a_socket() {
        assert!(fits_socket(Path::new("/tmp/mobius-pg-1/postgres")));
        assert!(!fits_socket(Path::new("/tmp/with space")));
        assert!(!fits_socket(Path::new("/tmp/with,comma")));
        assert!(!fits_socket(&Path::new("/tmp").join("x".repeat(90))));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
    }
}
